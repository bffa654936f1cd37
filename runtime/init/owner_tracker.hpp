// SPDX-License-Identifier: Apache-2.0
// Changes of owner where only one id is mapped: recorded in an extended attribute instead of the inode.
//
// The filter sends chown(2) and its kin to process 1 (seccomp_unotify(2)), which finds the file as the caller would
// (its root, working directory and descriptors, links followed or not), writes "uid:gid" into `user.karapace.owner`
// through the overlay and answers success. 0:0, the owner on disk, is no attribute at all. As the kernel does, it
// clears set-id bits and file capabilities of regular files. Links and special files can carry no such attribute:
// their owner stays 0:0. stat(2) and its kin are answered with the recorded owner (owner_query.hpp).
#pragma once

namespace karapace::init {

class OwnerTracker {
 public:
  explicit OwnerTracker(int listener) noexcept : listener_(listener) {}
  int listener() const noexcept { return listener_; }
  /// Answers one waiting call. A caller that died meanwhile is fine.
  void answer() noexcept;

 private:
  int listener_;
};

}  // namespace karapace::init
