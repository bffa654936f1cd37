// SPDX-License-Identifier: Apache-2.0
// Files and directories that are made where only one id is mapped.
//
// On disk all of them are the one id's. What is made by somebody who is not root (identity.hpp), or in a directory that
// gives its group to what is made in it (inode(7), S_ISGID), is therefore made by process 1 for the caller, which gets
// the descriptor (SECCOMP_IOCTL_NOTIF_ADDFD), and its owner is recorded. All else goes on into the kernel. Links and
// special files carry no record; nobody asks about them here.
#pragma once

#include <cstdint>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

#include "base/fd.hpp"
#include "runtime/init/caller_file.hpp"
#include "runtime/init/identity.hpp"

namespace karapace::init {

struct CreationCall {
  enum class Kind { file, unnamed_file, directory, node };
  Kind kind = Kind::file;
  CallerPath place;
  int flags = 0;  // of open(2)
  mode_t mode = 0;
  bool has_limits = false;  // openat2(2), `resolve`
};

/// Nothing when nothing can be made by it. Reads what openat2(2) is asked in the caller's memory.
std::optional<CreationCall> decode_creation_call(pid_t caller, const seccomp_data& call) noexcept;

struct CreationAnswer {
  bool goes_on = false;  // into the kernel
  int error = 0;         // or an errno value
  Fd file = Fd();        // to be given to the caller
};

/// Neither allocates nor throws.
CreationAnswer create_for(const Waiting& waiting, const CreationCall& call, const Identity& identity) noexcept;

/// Whether chown(2) to these ids is allowed: to root, and to whom the file belongs for groups of theirs.
bool may_change_owner(int file, const Identity& identity, std::uint32_t uid, std::uint32_t gid) noexcept;

}  // namespace karapace::init
