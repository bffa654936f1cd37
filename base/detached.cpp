// SPDX-License-Identifier: Apache-2.0
#include "base/detached.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace karapace {

namespace {

void close_all_but(std::vector<int>& kept) noexcept {
  std::sort(kept.begin(), kept.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > first) ::syscall(SYS_close_range, first, number - 1, 0U);
    first = std::max(first, number + 1);
  }
  ::syscall(SYS_close_range, first, ~0U, 0U);
}

void close_terminal() noexcept {
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  if (null > STDERR_FILENO) ::close(null);
}

[[noreturn]] void run(const std::function<void()>& work) noexcept {
  try {
    work();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

/// The shell's way to be rid of a process: its parent ends at once. Descriptors are closed before, so that none of
/// them is open there any more when the caller goes on and gives back a lock.
[[noreturn]] void detach(std::vector<int>& kept, const std::function<void()>& work) noexcept {
  ::setsid();
  close_all_but(kept);
  close_terminal();
  const pid_t child = ::fork();
  if (child == 0) run(work);
  ::_exit(child < 0 ? 1 : 0);
}

}  // namespace

bool run_detached(std::vector<int> kept, const std::function<void()>& work) noexcept {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) detach(kept, work);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace karapace
