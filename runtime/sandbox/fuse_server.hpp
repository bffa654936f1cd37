// SPDX-License-Identifier: Apache-2.0
// FuseServer: fuse-overlayfs(1) serving a sandbox's root where the kernel's overlay is refused.
//
// It runs outside the sandbox, on the connection that process 1 mounted, so nothing inside can reach it. Its own marks
// for deleted and replaced directories are turned into those of the kernel's overlay afterwards, so that an upper
// directory reads the same whoever wrote it.
#pragma once

#include <sys/types.h>

#include "runtime/sandbox/root_file_system.hpp"
#include "store/fd.hpp"

namespace karapace::runtime {

class FuseServer {
 public:
  /// Starts it. `device` is the /dev/fuse whose connection is mounted. SandboxError when fuse-overlayfs is missing.
  FuseServer(const RootFileSystem& root, int device);
  /// Waits for it: it ends with the mount.
  ~FuseServer();
  FuseServer(const FuseServer&) = delete;
  FuseServer& operator=(const FuseServer&) = delete;

 private:
  pid_t pid_ = -1;
};

/// Turns fuse-overlayfs's marks below the open directory `upper` into the kernel's: opaque directories, whiteouts;
/// drops its other attributes. Links are not followed.
void translate_fuse_marks(int upper);

}  // namespace karapace::runtime
