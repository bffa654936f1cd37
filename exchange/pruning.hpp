// SPDX-License-Identifier: Apache-2.0
// Pruning a cache: what is old, too much, or what no lock of interest needs is taken out of it.
//
// Only tags of environments are looked at. Manifests go first. In a directory all blobs follow to which nothing leads
// that is listed there, and that nobody has counted on for an hour: so a push beside it loses nothing. Registries free
// the space of blobs themselves.
#pragma once

#include "exchange/asking.hpp"
#include "exchange/request.hpp"
#include "remote/oci/image_repository.hpp"

namespace karapace::exchange {

/// What can not be read stays, with a warning.
PruneAnswer prune(oci::ImageRepository& repository, const PruneRequest& request, std::int64_t now, const Warn& warn);

}  // namespace karapace::exchange
