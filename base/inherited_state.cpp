// SPDX-License-Identifier: Apache-2.0
#include "base/inherited_state.hpp"

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace karapace {

void mend_inherited_state() noexcept {
  ::signal(SIGCHLD, SIG_DFL);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one, as those below are open. Without close-on-exec: children need it, too.
    if (::open("/dev/null", O_RDWR) != fd) std::abort();
  }
}

}  // namespace karapace
