// SPDX-License-Identifier: Apache-2.0
// The loop of process 1: commands in order, dead children, signals, and changes of owner to record.
#pragma once

#include "runtime/sandbox/process_one.hpp"

namespace karapace::runtime {

/// Runs until a command fails or the last one ends; reports; ends the process. `listener` answers changes of owner
/// (-1: none); `terminal` becomes the commands' controlling terminal (-1: they keep the descriptors of this process).
[[noreturn]] void run_commands(const PreparedSandbox& sandbox, const Reporter& reporter, int listener,
                               int terminal) noexcept;

}  // namespace karapace::runtime
