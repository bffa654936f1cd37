// SPDX-License-Identifier: Apache-2.0
// Telling process 1 what to do: the writing side of runtime/init/init_plan.hpp.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "runtime/init/init_plan.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace karapace::sandbox {

/// The block: `header` with its counts filled in, and the commands.
std::string init_plan_bytes(init::Header header, const std::vector<Command>& commands);

/// The block in a memfd_create(2) file that nobody can change. SandboxError when there is no room for it.
Fd init_plan_file(const init::Header& header, const std::vector<Command>& commands);

/// How calls that change owners are answered.
init::OwnerCalls owner_calls(IdMode mode, Purpose purpose) noexcept;

}  // namespace karapace::sandbox
