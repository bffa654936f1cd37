// SPDX-License-Identifier: Apache-2.0
// Stopping: every process of an instance's sessions ends, and its mounts go.
//
// A session is a pid namespace. Its process 1 hands a SIGTERM from outside to the session's command; when that process
// 1 is killed, the kernel kills whatever else is in the namespace, whoever it calls its parent and whatever it ignores
// (pid_namespaces(7)). So nothing survives, and nothing else is hit: processes are named by pidfds.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/waiting.hpp"
#include "store/instance.hpp"

namespace karapace::sandbox {

struct Stopped {
  std::size_t sessions = 0;  // that ran
  std::size_t killed = 0;    // of them, those that had not ended by themselves
};

/// Asks all sessions to end (SIGTERM), kills what is left after `grace`, and returns when the mounts are gone, too.
/// SandboxError when they do not go within half a minute.
Stopped stop_sessions(const store::Instance& instance, std::chrono::milliseconds grace, const Notice& notice);

}  // namespace karapace::sandbox
