// SPDX-License-Identifier: Apache-2.0
// Owners and identities where only one id is mapped: recorded instead of kept by the kernel.
//
// The filter sends calls about them to process 1 (seccomp_unotify(2)):
// - chown(2) and its kin. The file is found as the caller would (caller_file.hpp), "uid:gid" is written into
//   `user.karapace.owner` through the overlay, and the call succeeds. 0:0, the owner on disk, is no attribute at all.
//   As the kernel does, it clears set-id bits and file capabilities of regular files. Links and special files can carry
//   no such attribute: their owner stays 0:0.
// - stat(2) and its kin are answered with the recorded owner (owner_query.hpp).
// - setuid(2), getuid(2) and their kin (identity.hpp).
// - what makes files and directories (creation.hpp).
#pragma once

#include "runtime/init/identity.hpp"

namespace karapace::init {

class OwnerTracker {
 public:
  OwnerTracker(int listener, Identities& identities) noexcept : listener_(listener), identities_(identities) {}
  int listener() const noexcept { return listener_; }
  /// Answers one waiting call. A caller that died meanwhile is fine.
  void answer() noexcept;

 private:
  int listener_;
  Identities& identities_;
};

}  // namespace karapace::init
