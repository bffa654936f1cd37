// SPDX-License-Identifier: Apache-2.0
// Work that goes on when the program has ended.
#pragma once

#include <functional>
#include <vector>

namespace karapace {

/// Runs `work` in a process for which nobody waits, in a session of its own. Of our descriptors it has those in `kept`
/// alone: it holds no lock, terminal or pipe open. False when there can be no such process; what `work` throws ends it.
bool run_detached(std::vector<int> kept, const std::function<void()>& work) noexcept;

}  // namespace karapace
