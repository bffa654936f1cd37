// SPDX-License-Identifier: Apache-2.0
// Offering: an environment of this store is signed and sent to a cache: blobs first, the manifest with its tag last, so
// that nobody sees half of it. What is there already is not sent.
#pragma once

#include "exchange/environment_artifact.hpp"
#include "exchange/request.hpp"
#include "proof/signing/ed25519.hpp"
#include "remote/oci/image_repository.hpp"
#include "store/store.hpp"

namespace karapace::exchange {

/// An artifact with the bytes of its small blobs.
struct PreparedArtifact {
  EnvironmentArtifact artifact;
  std::string records;
  std::string lock;
  std::vector<std::string> envelopes;
};

/// `packs`: of every layer of the environment. StoreError when a pack is not there.
PreparedArtifact prepare_artifact(const store::Store& store, const EnvironmentId& environment,
                                  const std::vector<Pack>& packs, const signing::SecretKey& key);

/// The sizes of the answer are those of blobs that are (or would be) sent.
OfferAnswer offer_environment(const store::Store& store, oci::ImageRepository& repository, const OfferRequest& request);

}  // namespace karapace::exchange
