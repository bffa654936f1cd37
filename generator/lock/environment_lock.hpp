// SPDX-License-Identifier: Apache-2.0
// What a built environment is made of, as its lock says: the store keeps the lock as a blob, so this needs no project.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/lock/lock.hpp"
#include "store/environment.hpp"

namespace karapace::lock {

/// StoreError when the blob is missing or damaged.
Lock lock_of(const store::Store& store, const store::Environment& environment);

/// "debian/bookworm"; "sha256:<64 digits>" when the base is an archive.
std::string base_of(const Lock& lock);

/// Of every environment that is built. Nothing when its record or lock can not be read: for listings, which go on.
/// verify-store tells about damage. An id is the digest of its lock, so a base once known is kept in the store
/// (`bases.index`) and never looked up again.
std::map<EnvironmentId, std::optional<std::string>> bases_of_built(const store::Store& store);

/// The packages that are installed in the end, sorted by name: of one that is in the base and on top of it, the upper.
/// What an archive as the base has inside is not in the lock.
std::vector<LockedPackage> packages_of(const Lock& lock);

}  // namespace karapace::lock
