// SPDX-License-Identifier: Apache-2.0
// Finding, from process 1, the file that another process means by a descriptor and a path.
//
// The caller's root, working directory and descriptors count, and what its path says is resolved as the kernel would
// for the caller: in procfs `self` and `thread-self` are the caller, and links such as /proc/self/fd/3 or /dev/fd/3
// lead to what the caller has open. Process 1's own descriptors can not be reached that way.
//
// Nothing here allocates or throws. Work is bounded: a path of PATH_MAX bytes, 40 links.
#pragma once

#include <sys/types.h>

#include "base/fd.hpp"
#include "runtime/init/owner_call.hpp"

namespace karapace::init {

struct FoundFile {
  Fd file;        // O_PATH; a link itself where the call does not follow it
  int error = 0;  // what the caller is told when there is none
};

/// `caller`: the id of a thread that waits in a system call. Whether it is still the same thread afterwards is for the
/// caller of this function to ask (SECCOMP_IOCTL_NOTIF_ID_VALID), as ids are used again.
FoundFile find_as(pid_t caller, const OwnerCall& call) noexcept;

}  // namespace karapace::init
