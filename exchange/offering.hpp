// SPDX-License-Identifier: Apache-2.0
// Offering: an environment of this store is sent to a cache, or as an image to a registry: blobs first, what names them
// after them and what has a tag last, so that nobody sees half of it. What is there already is not sent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exchange/environment_artifact.hpp"
#include "exchange/request.hpp"
#include "exchange/sent_blobs.hpp"
#include "image/environment_image.hpp"
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
  std::vector<image::ImageLayer> layers;  // in the artifact's order
};

/// Of an environment whose layers are packed, each by itself. Not signed without a key. `image`: what it is about, too.
PreparedArtifact prepare_artifact(const store::Store& store, const store::Environment& environment,
                                  const std::string& compression, const signing::SecretKey* key,
                                  const std::optional<oci::Manifest>& image = std::nullopt);

/// To a cache, under the signer's tag. `known`: where else in the registry layers are.
OfferAnswer offer_environment(const store::Store& store, oci::ImageRepository& repository, const OfferRequest& request,
                              SentBlobs& known);

/// As an image that engines run, with its records beside it.
PushAnswer push_environment(const store::Store& store, oci::ImageRepository& repository, const oci::ManifestName& name,
                            const PushRequest& request, SentBlobs& known);

}  // namespace karapace::exchange
