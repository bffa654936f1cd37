// SPDX-License-Identifier: Apache-2.0
#include "base/inherited_state.hpp"

#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace karapace {
namespace {

int status_of(void (*child)()) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    child();
    ::_exit(9);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(InheritedState, ChildrenLeaveTheirStatusThoughTheCallerIgnoresThem) {
  EXPECT_EQ(status_of([] {
              ::signal(SIGCHLD, SIG_IGN);
              mend_inherited_state();
              const pid_t pid = ::fork();
              if (pid == 0) ::_exit(7);
              int status = 0;
              ::_exit(::waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 1);
            }),
            7);
}

TEST(InheritedState, ClosedStreamsAreTheNullDevice) {
  EXPECT_EQ(status_of([] {
              for (int fd = 0; fd < 3; ++fd) ::close(fd);
              mend_inherited_state();
              const bool all = ::fcntl(0, F_GETFD) == 0 && ::fcntl(1, F_GETFD) == 0 && ::fcntl(2, F_GETFD) == 0;
              ::_exit(all ? 5 : 1);
            }),
            5);
}

}  // namespace
}  // namespace karapace
