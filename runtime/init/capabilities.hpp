// SPDX-License-Identifier: Apache-2.0
// Capabilities inside a sandbox: the set that container engines leave to root by default.
#pragma once

#include <string_view>

namespace karapace::init {

/// Drops every other capability from the bounding set, for good, and from this process, which keeps CAP_SYS_PTRACE: it
/// reads the arguments of calls that it answers, and who lacks it can not trace this process. A command does not get
/// it, as execve(2) leaves nothing that the bounding set lacks. False with errno on failure.
bool limit_capabilities() noexcept;

/// The names of what a command has, for people.
inline constexpr std::string_view kept_capabilities =
    "chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill "
    "audit_write";

}  // namespace karapace::init
