// SPDX-License-Identifier: Apache-2.0
// Debug states: what a failed step leaves for `karapace debug STEP`.
//
//   <store>/failed/<step key>/plan.json   layers, host name, and the command that failed
//                             upper/      what the commands had written
//                             lower-<n>/  layers that existed for this step only
//
// A state is replaced when the step fails again and dropped when it succeeds; gc removes it when no project lists the
// step, or after a week. Nothing here is part of any identity. It appears and leaves by rename(2), whole or not at all.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file_lock.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "store/staging.hpp"
#include "store/store.hpp"

namespace karapace::sandbox {

struct DebugState {
  StepKey step;
  std::vector<std::filesystem::path> lowers;  // bottom first, with what the failed commands wrote on top
  std::vector<Bind> binds;                    // of layers of the store, read-only: what the failed command had mounted
  std::string hostname;
  Command failed;
};

/// Moves the plan's upper directory, and those of its layers that lie in `staging`, into the state of this step. Runs
/// inside the user namespace that the plan ran in. StoreError when that fails.
void keep_debug_state(const store::Store& store, const StepKey& step, const SandboxPlan& plan,
                      const SandboxResult& result, const std::filesystem::path& staging);
/// Moves the step's state into `staging`, with which it dies. Nothing there is fine.
void drop_debug_state(const store::Store& store, const StepKey& step, const std::filesystem::path& staging);

/// The state of the step whose key begins with `prefix`. NotFoundError (listing what there is) when none or several
/// do, StoreError when it is damaged.
DebugState find_debug_state(const store::Store& store, std::string_view prefix);

/// While the lock and `staging` live, gc keeps the state and the layers that it needs. Take it before mounting.
/// NotFoundError when gc was quicker.
FileLock use_debug_state(const store::Store& store, const DebugState& state, const store::Staging& staging);

}  // namespace karapace::sandbox
