// SPDX-License-Identifier: Apache-2.0
// Migrating: a store of version 1 becomes one of version 2, and back.
//
// What differs is the form of instances: version 1 had one directory for each project and environment, with the changes
// in it; version 2 has one for each project, with generations (instance.hpp). Nothing is copied: directories get other
// names. While that goes on, the version file says so, and every other command refuses the store; a migration that was
// killed is ended by the next one. Everything else is the same in both versions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace karapace::store {

struct MigratedInstance {
  std::string before;  // the names of its directory
  std::string after;
};

struct Migration {
  int from = 0;
  int to = 0;  // the same as `from` when there was nothing to do
  std::vector<MigratedInstance> instances;
};

/// NotFoundError when there is no store. StoreError when sessions run or others use it, when it is of another version,
/// or damaged; nothing is changed then.
Migration migrate_store(const std::filesystem::path& root);
/// The way back to version 1. StoreError that names what version 1 can not hold: snapshots, frozen or archived
/// instances, what `undo` would bring back.
Migration migrate_store_back(const std::filesystem::path& root);

}  // namespace karapace::store
