// SPDX-License-Identifier: Apache-2.0
// The scope of a sandbox (landlock(7), Linux 6.12): no signal and no connection to an abstract unix socket gets out.
//
// Abstract sockets belong to a network namespace, which a session with the host's network shares: those of X11 and
// D-Bus would be in reach. Signals can not be sent to what has no id inside, but for the caller's process group.
#pragma once

namespace karapace::init {

/// What this kernel can limit.
enum class Scope { none, signals_and_sockets };
Scope available_scope() noexcept;

/// Limits this process and all that it starts, for good; true, too, when the kernel can not. Needs no_new_privs.
bool limit_scope() noexcept;

}  // namespace karapace::init
