// SPDX-License-Identifier: Apache-2.0
// A process that waits for process 1, and finding the file that it means by a descriptor and a path.
//
// The caller's root, working directory and descriptors count, and what its path says is resolved as the kernel would
// for the caller: in procfs `self` and `thread-self` are the caller, and links such as /proc/self/fd/3 or /dev/fd/3
// lead to what the caller has open. Process 1's own descriptors can not be reached that way.
//
// Nothing here allocates or throws. Work is bounded: a path of PATH_MAX bytes, 40 links.
#pragma once

#include <cstdint>

#include <climits>
#include <sys/types.h>

#include "base/fd.hpp"

namespace karapace::init {

/// A caller that waits for its answer.
struct Waiting {
  pid_t caller = 0;
  int listener = -1;
  std::uint64_t id = 0;
  /// Whether it is still the same one.
  bool still() const noexcept;
};

/// What a call says about a file.
struct CallerPath {
  int directory = -1;         // descriptor of the caller, or AT_FDCWD; the file itself when there is no path
  std::uint64_t path = 0;     // address in the caller; 0: the call has no path
  bool follows = true;        // a link as the last name
  bool may_be_empty = false;  // AT_EMPTY_PATH
};

struct FoundFile {
  Fd file;        // O_PATH; a link itself where the call does not follow it
  int error = 0;  // what the caller is told when there is none
};

/// `caller`: the id of a thread that waits in a system call. Whether it is still the same thread afterwards is for the
/// caller of this function to ask (SECCOMP_IOCTL_NOTIF_ID_VALID), as ids are used again.
FoundFile find_as(pid_t caller, const CallerPath& path) noexcept;

/// Where something would be made.
struct FoundPlace {
  Fd directory;  // O_PATH
  char name[NAME_MAX + 1] = {};
  bool asks_for_directory = false;  // the path, or a link on it, ends in "/"
  Fd existing;                      // O_PATH: what has this name already
  int error = 0;                    // the kernel has its own words for what can not be found
};

/// As `find_as`, of a path whose last name may be missing. Links that dangle lead to where the kernel would make it.
FoundPlace find_place_as(pid_t caller, const CallerPath& path) noexcept;

/// The id of the process that a thread belongs to, as process 1 sees it; 0 when it is gone.
pid_t process_of(pid_t thread) noexcept;

/// A number of /proc/PID/status by its name ("Tgid", "Umask"), in the base that it stands there; `missing` when the
/// process is gone.
unsigned long status_number(pid_t thread, const char* name, unsigned base, unsigned long missing) noexcept;

}  // namespace karapace::init
