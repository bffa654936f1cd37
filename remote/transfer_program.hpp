// SPDX-License-Identifier: Apache-2.0
// karapace-transfer as a process: how it is started, and what it finds open.
#pragma once

#include <optional>

#include <sys/types.h>

#include "base/fd.hpp"

namespace karapace::remote {

inline constexpr const char* transfer_program = "karapace-transfer";

/// Starts one that serves who connects to `listening`: descriptor 0 is that socket, 3 is `directory`, nothing else is
/// open; in a session and a directory of its own, so that nothing waits for it. False when it can not be started.
bool start_shared_program(int listening, int directory);

/// One for the caller alone, which ends with the connection to it.
class OwnProgram {
 public:
  /// RemoteError when it can not be started.
  OwnProgram();
  ~OwnProgram();
  OwnProgram(const OwnProgram&) = delete;
  OwnProgram& operator=(const OwnProgram&) = delete;
  int connection() const noexcept { return connection_.get(); }

 private:
  Fd connection_;
  pid_t process_ = -1;
};

}  // namespace karapace::remote
