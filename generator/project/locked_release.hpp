// SPDX-License-Identifier: Apache-2.0
// The release of a lock: what each source of the manifest is by content, and how its bytes get into the store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/graph/graph.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock.hpp"
#include "generator/project/project.hpp"
#include "generator/project/source_tree.hpp"
#include "store/store.hpp"

namespace karapace::project {

struct ReleaseLocking {
  enum class Network {
    asked,     // what is not known yet is fetched
    left_out,  // it stays unknown: size 0
  };
  Network network = Network::asked;
  bool upgrade = false;                            // what refs of git mean is asked again
  std::vector<std::string> upgraded_sources = {};  // or for these alone
};

struct LockedReleaseResult {
  lock::LockedRelease release;
  /// Files and directories whose change may change it: absolute, with their modification times from before.
  std::map<std::filesystem::path, std::int64_t> watched;
  std::vector<std::string> notes;
};

/// What `old` knows of the same archives and commits is believed. ManifestError, with its place, when a source is not
/// there or not what the manifest says; RemoteError when it can not be had.
LockedReleaseResult locked_release(const Project& project, const std::optional<lock::LockedRelease>& old,
                                   const ReleaseLocking& how, const MachinePaths& paths);

/// What the lock must hold to fit the manifest and its sources as they are now. Nothing is fetched: what `old` does not
/// know stays unknown, and so differs. `cache`: the user's, where digests of sources are kept. ManifestError as above.
lock::Intent wanted_intent(const Project& project, const std::optional<lock::LockedRelease>& old,
                           const std::filesystem::path& cache);

/// The trees of paths and of commits of git become blobs of the store, where they are not yet. LockError when one is
/// not what is locked; RemoteError when a repository can not be had.
void import_sources(const Project& project, const lock::LockedRelease& release, const store::Store& store);

/// Where this machine finds archives and patches: digests, and the URL or file of each.
std::map<std::string, std::string> places_of_sources(const Project& project, const lock::LockedRelease& release);

/// Packages that do not fit into one tree, before anything is built, as far as the store knows what is in them: those
/// that are not built yet count for nothing, and a release that was assembled fits. ManifestError with the place of a
/// source when two of them do not fit.
void refuse_known_clashes(const Project& project, const lock::LockedRelease& release,
                          const graph::PlannedRelease& planned, const store::Store& store);

}  // namespace karapace::project
