// SPDX-License-Identifier: Apache-2.0
// Instances: named, mutable uses of an environment, `instances/<id>/`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "store/identifiers.hpp"
#include "store/reference.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// `instances/<id>/`: the upper directory that sessions of one project write to.
struct Instance {
  std::string id;  // "<environment, 12 digits>" or "<environment, 12 digits>-<project, 8 digits>"
  EnvironmentId environment;
  std::optional<std::filesystem::path> manifest;  // the project it belongs to
  std::filesystem::path directory;                // absolute: instances/<id>
  std::filesystem::path upper() const { return directory / "upper"; }
  std::filesystem::path work() const { return directory / "work"; }
};
/// The instance of this environment and project; nothing when it was never used (or was destroyed). Only looks: works
/// in a store that can not be written.
std::optional<Instance> find_instance(const Store& store, const Reference& reference);
/// The same, made on first use (an empty upper and work directory, both of mode 0755 whatever the umask). It appears
/// whole, also when several processes ask for it first.
Instance open_instance(const Store& store, const Reference& reference);
/// All instances, sorted by id. A damaged one throws: it must not make its environment look unused.
std::vector<Instance> instances(const Store& store);
/// For sessions: a shared lock on the instance, so that `destroy` refuses. Works in a read-only store. Nothing when the
/// instance is gone (destroyed since it was opened: open it again). Destroying takes the exclusive lock: see
/// `remove_instance`.
std::optional<FileLock> use_instance(const Instance& instance);
/// Whether a session runs in it now.
bool instance_in_use(const Instance& instance);
/// Removes the instance with a person's changes. False when a session runs in it. Runs inside the user namespace.
bool remove_instance(const Store& store, const Instance& instance);

}  // namespace karapace::store
