// SPDX-License-Identifier: Apache-2.0
// Locking: a project's lock, brought up to date as far as it is allowed.
//
// What the manifest changed is changed, and nothing else: packages keep their versions while the archive has them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "generator/graph/diff/cause.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock.hpp"
#include "generator/project/project.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::project {

enum class LockPolicy {
  update,  // make or change it when it does not fit the manifest
  locked,  // LockError that lists what does not fit
  frozen,  // take it as it is; nothing but the lock is looked at
};

struct LockSettings {
  LockPolicy policy = LockPolicy::update;
  resolve::Upgrade upgrade;
  MachinePaths paths;
  resolve::Rollback rollback = resolve::Rollback::refuse;
};

enum class LockState { unchanged, updated, created };
std::string_view text(LockState state) noexcept;

struct LockResult {
  lock::Lock lock;
  std::string canonical;  // serialise(lock)
  LockState state = LockState::unchanged;
  std::vector<lock::Difference> differences;                   // why it changed: what did not fit the manifest
  std::vector<diff::PackageChange> packages;                   // what changed: see package_changes
  std::vector<std::string> notes;                              // of the resolver, for people
  std::map<std::filesystem::path, std::int64_t> watched = {};  // of the release: LockedReleaseResult
};

/// Reads the lock, and with LockPolicy::update writes it beside the manifest when it changed.
LockResult bring_lock_up_to_date(const Project& project, const LockSettings& settings);

/// UsageError, with a suggestion, when what is to be upgraded is no package of a lock or manifest of these projects,
/// and none of their sources. What a project without a lock will have is not known, so all names are fine then.
void check_upgrade(const resolve::Upgrade& upgrade, std::span<const std::filesystem::path> manifests,
                   const std::filesystem::path& working_directory);

/// Debian's word for this machine's architecture. Error when it has none.
std::string host_architecture();

}  // namespace karapace::project
