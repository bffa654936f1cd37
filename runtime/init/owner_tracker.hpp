// SPDX-License-Identifier: Apache-2.0
// Changes of owner where only one id is mapped: recorded in an extended attribute instead of the inode.
//
// The filter sends chown(2) and its kin to process 1 (seccomp_unotify(2)), which finds the file as the caller would
// (its root, working directory and descriptors, links followed or not), writes "uid:gid" into `user.karapace.owner`
// through the overlay and answers success. 0:0, the owner on disk, is no attribute at all. As the kernel does, it
// clears set-id bits and file capabilities of regular files. Links and special files can carry no such attribute:
// their owner stays 0:0. stat(2) and its kin are answered with the recorded owner (owner_query.hpp), and in every id
// mode calls that read directories are handed on (directory_order.hpp).
#pragma once

#include <sys/types.h>

#include "base/fd.hpp"
#include "runtime/init/directory_order.hpp"
#include "runtime/init/owner_call.hpp"

namespace karapace::init {

class OwnerTracker {
 public:
  OwnerTracker(int listener, std::uint32_t directory_order) noexcept
      : listener_(listener), directories_(directory_order) {}
  int listener() const noexcept { return listener_; }
  /// Answers one waiting call. A caller that died meanwhile is fine.
  void answer() noexcept;

 private:
  int listener_;
  OrderedDirectories directories_;
};

/// The id of the process that a thread belongs to, as process 1 sees it; 0 when it is gone.
pid_t process_of(pid_t thread) noexcept;

/// Finding, from process 1, the file that another process means by a descriptor and a path.
///
/// The caller's root, working directory and descriptors count, and what its path says is resolved as the kernel would
/// for the caller: in procfs `self` and `thread-self` are the caller, and links such as /proc/self/fd/3 or /dev/fd/3
/// lead to what the caller has open. Process 1's own descriptors can not be reached that way.
///
/// Nothing here allocates or throws. Work is bounded: a path of PATH_MAX bytes, 40 links.
struct FoundFile {
  Fd file;        // O_PATH; a link itself where the call does not follow it
  int error = 0;  // what the caller is told when there is none
};

/// `caller`: the id of a thread that waits in a system call. Whether it is still the same thread afterwards is for the
/// caller of this function to ask (SECCOMP_IOCTL_NOTIF_ID_VALID), as ids are used again.
FoundFile find_as(pid_t caller, const OwnerCall& call) noexcept;

}  // namespace karapace::init
