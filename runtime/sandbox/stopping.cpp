// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/stopping.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

#include <poll.h>

#include "base/error.hpp"
#include "runtime/sandbox/session_list.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

void send(const std::vector<SessionList::Joinable>& sessions, int signal) {
  for (const auto& session : sessions) sys::pidfd_send_signal(session.process.get(), signal);
}

/// Leaves those that have not ended in time.
void wait_for_end(std::vector<SessionList::Joinable>& sessions, std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (!sessions.empty()) {
    pollfd first{sessions.front().process.get(), POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    const int count = ::poll(&first, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (count > 0) sessions.erase(sessions.begin());
    if (count == 0 || (count < 0 && errno != EINTR)) break;
  }
  std::erase_if(sessions, [](const auto& session) {
    pollfd one{session.process.get(), POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
  });
}

}  // namespace

Stopped stop_sessions(const store::Instance& instance, std::chrono::milliseconds grace, const Notice& notice) {
  constexpr std::chrono::seconds death{30};
  Stopped stopped;
  {
    // Held, so that none begins meanwhile.
    const SessionList list(instance.directory, notice);
    auto sessions = list.all_running();
    stopped.sessions = sessions.size();
    send(sessions, SIGTERM);
    send(sessions, SIGCONT);
    wait_for_end(sessions, grace);
    stopped.killed = sessions.size();
    send(sessions, SIGKILL);
    wait_for_end(sessions, death);
    if (!sessions.empty())
      throw SandboxError("stop: killed processes do not end; they wait for the kernel (a lost disk or network mount?)");
  }
  lock_upper(instance.work(), notice);
  return stopped;
}

}  // namespace karapace::sandbox
