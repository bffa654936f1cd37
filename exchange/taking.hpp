// SPDX-License-Identifier: Apache-2.0
// Taking: an environment that somebody else built becomes one of this store, as if its steps had been run here.
//
// What is taken is decided by its records alone, which the caller believes. Of everything else nothing is: the lock
// must have the environment's id as its digest, each blob its own, and each layer must unpack to the one that the
// records name. Layers that the store has are not asked for. What steps on the way made is not here: its records say so
// (store/absent.hpp).
//
// The environment appears last. What was taken when something breaks stays for the next try, half a layer, too.
#pragma once

#include <cstdint>
#include <string>

#include "exchange/environment_artifact.hpp"
#include "exchange/record_bundle.hpp"
#include "remote/oci/image_repository.hpp"
#include "store/listing.hpp"
#include "store/store.hpp"

namespace karapace::exchange {

struct Taken {
  std::uint64_t layers = 0;  // that were not here
  std::uint64_t bytes = 0;   // of these, as they came
  std::uint64_t steps = 0;
};

/// `label`: what progress is told as (transfer_progress.hpp). `artifact` says where in `repository` the bytes are. The
/// process is root of its user namespace. RemoteError when the repository has not what is wanted, or other bytes;
/// StoreError where this machine is at fault.
Taken take_environment(const store::Store& store, oci::ImageRepository& repository, const EnvironmentArtifact& artifact,
                       const RecordBundle& bundle, const std::string& label);

/// What a packed layer unpacks to, without keeping it. RemoteError when it is damaged or none.
store::Listing listing_of(const store::Store& store, oci::ImageRepository& repository, const PackedLayer& layer);

}  // namespace karapace::exchange
