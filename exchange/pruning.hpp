// SPDX-License-Identifier: Apache-2.0
// Pruning a cache: what is old, too much, or what no lock of interest needs is taken out of it.
//
// Only tags of environments are looked at. A manifest goes first and its blobs after it, those that no other manifest
// names and that nobody has counted on for an hour: so a push beside it loses nothing. Registries free the space of
// blobs themselves.
#pragma once

#include "exchange/request.hpp"
#include "remote/oci/image_repository.hpp"

namespace karapace::exchange {

PruneAnswer prune(oci::ImageRepository& repository, const PruneRequest& request, std::int64_t now);

}  // namespace karapace::exchange
