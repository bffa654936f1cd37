// SPDX-License-Identifier: Apache-2.0
// The loop of process 1: commands in order, dead children, signals, and changes of owner to record.
#pragma once

#include "runtime/init/plan_reader.hpp"
#include "runtime/init/report.hpp"

namespace karapace::init {

/// Runs until a command fails or the last one ends; reports each at once, before the sandbox is taken down; ends the
/// process. `listener` answers changes of owner (-1: none).
[[noreturn]] void run_commands(const ReadPlan& plan, const Reporter& reporter, int listener) noexcept;

}  // namespace karapace::init
