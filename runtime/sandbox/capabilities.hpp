// SPDX-License-Identifier: Apache-2.0
// Capabilities inside a sandbox: the set that container engines leave to root by default.
#pragma once

namespace karapace::runtime {

enum class ProcessAccess { none, granted };

/// Drops every other capability from the bounding set and this process, for good. `granted` keeps CAP_SYS_PTRACE too,
/// by which process 1 reads the arguments of calls it answers; a command does not get it, as execve(2) leaves nothing
/// that the bounding set lacks. False with errno on failure.
bool limit_capabilities(ProcessAccess access) noexcept;

}  // namespace karapace::runtime
