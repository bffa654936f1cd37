// SPDX-License-Identifier: Apache-2.0
// gc: removes from the store what nothing needs.
//
// Needed are: every step that a root (a project) lists; every environment that a root names, an instance uses, a
// running session holds, or the caller wants kept, with its layers, its lock and all steps that led to it; and what
// running steps read or have just made. Everything else goes: records first, then what they named, work left behind by
// crashed processes, logs of steps that are gone, what steps left when they failed (when no root lists the step any
// more, or after a week), what no graph's edges have read for a week (graph_files.hpp), unused lock files, and the
// quarantine of repairs but for records that tell what is still needed (salvage.hpp).
//
// Builds and sessions may run meanwhile; they wait for gc only for the moment in which names are moved away. A damaged
// record stops gc before anything is removed: it must not make its contents look like garbage. So does a tree that
// these ids can not remove. A crash of gc leaves only garbage, for the next gc. It needs no space on the disk
// (trash.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "store/garbage.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// A project that keeps things.
struct KeptRoot {
  std::string name;
  std::filesystem::path manifest;
  EnvironmentId environment;
  bool manifest_gone = false;  // what it keeps goes with `karapace destroy`
};

/// How long a failed step's state is kept at most.
constexpr std::chrono::hours longest_failed_state{7 * 24};

enum class DryRun { yes, no };

struct GcOptions {
  std::set<EnvironmentId> keep;
  DryRun dry_run = DryRun::no;
  unsigned threads = 1;
};

struct GcReport {
  std::vector<Garbage> garbage;  // by kind, then name
  std::uint64_t bytes = 0;       // the sum
  std::size_t kept_steps = 0;    // records that stay
  std::size_t kept_environments = 0;
  std::vector<KeptRoot> roots;  // by name
  std::vector<std::string>
      damaged_instances;  // ids of those for which everything stays, as what they need is not known
};

/// A dry run decides the same as a run. StoreError, with nothing removed, when a record is damaged or something can not
/// be removed by these ids. Runs inside the user namespace: trees may hold files of
/// mapped ids. One gc runs at a time; a second one waits.
GcReport collect_garbage(const Store& store, const GcOptions& options);

}  // namespace karapace::store
