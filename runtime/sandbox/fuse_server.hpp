// SPDX-License-Identifier: Apache-2.0
// FuseServer: fuse-overlayfs(1) serving a sandbox's root where the kernel's overlay is refused.
//
// It runs outside the sandbox, on the connection that process 1 mounted, so nothing inside can reach it. A keeper waits
// for it: several sessions may share the mount, and whoever ends last ends the server, so it belongs to no session. The
// server's own marks for deleted and replaced directories are turned into those of the kernel's overlay afterwards
// (store/file_attributes.hpp), so that an upper directory reads the same whoever wrote it; what the server let commands
// set that the kernel would believe is dropped. Until then the keeper holds the lock on the upper directory.
#pragma once

#include <sys/types.h>

#include "base/fd.hpp"
#include "runtime/sandbox/root_file_system.hpp"

namespace karapace::sandbox {

class FuseServer {
 public:
  /// Starts keeper and server. `device` is the /dev/fuse whose connection is mounted; `lock`, a descriptor whose
  /// flock(2) is held until the marks are translated, or -1. SandboxError when fuse-overlayfs is missing.
  FuseServer(const RootFileSystem& root, Fd device, int lock);
  /// Until the server has ended, which it does with the last mount, and the marks are translated.
  void wait();

 private:
  std::string upper_;
  pid_t keeper_ = -1;
};

}  // namespace karapace::sandbox
