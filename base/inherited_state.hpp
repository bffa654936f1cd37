// SPDX-License-Identifier: Apache-2.0
// What a caller leaves to its children in a state that no program expects.
#pragma once

namespace karapace {

/// The first thing that every program of ours does. Opens /dev/null on those of 0, 1 and 2 that the caller has closed:
/// else the next file or directory that is opened takes such a number, and is written to, or handed to a child, as a
/// stream. And no longer ignores SIGCHLD: else children leave no status, and waiting for one never ends.
void mend_inherited_state() noexcept;

}  // namespace karapace
