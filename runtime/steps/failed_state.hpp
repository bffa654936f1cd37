// SPDX-License-Identifier: Apache-2.0
// What is told and kept when a command of a build fails.
#pragma once

#include <filesystem>

#include "runtime/sandbox/sandbox.hpp"
#include "runtime/steps/step_context.hpp"

namespace karapace::steps {

/// Keeps the state for `karapace debug STEP` and throws the StepError that shows the end of the output, the package or
/// command that failed, the whole log's place, and how to get a shell.
[[noreturn]] void fail_command(const StepContext& context, const runtime::SandboxPlan& plan,
                               const runtime::SandboxResult& result, const std::filesystem::path& log);

}  // namespace karapace::steps
