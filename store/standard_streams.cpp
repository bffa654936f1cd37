// SPDX-License-Identifier: Apache-2.0
#include "store/standard_streams.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace karapace {

void open_missing_streams() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one, as those below are open. Without close-on-exec: children need it, too.
    if (::open("/dev/null", O_RDWR) != fd) std::abort();
  }
}

}  // namespace karapace
