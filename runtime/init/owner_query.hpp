// SPDX-License-Identifier: Apache-2.0
// Questions about owners where only one id is mapped: stat(2) and its kin.
//
// Programs copy an owner from a file to its replacement (useradd does with /etc/shadow), so a recorded owner must also
// be seen. Calls on files without a record, by far the most, go on into the kernel unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

#include "runtime/init/caller_file.hpp"

namespace karapace::init {

struct OwnerQuery {
  enum class Form { stat, stat64, statx };  // stat64: that of 32-bit x86
  Form form = Form::stat;
  CallerPath file;
  std::uint64_t buffer = 0;  // address of the caller's struct stat or statx
  std::uint32_t mask = 0;    // of statx(2)
  int flags = 0;
};

/// Nothing when it is no such call. Covers the native calls of x86-64 and AArch64, and of 32-bit x86 all but the
/// oldest, whose owners have 16 bits.
std::optional<OwnerQuery> decode_owner_query(const seccomp_data& call) noexcept;

/// Answers the query about the file behind the O_PATH descriptor with this owner, in the caller's memory. Returns 0 or
/// an errno value. Neither allocates nor throws.
int answer_owner_query(pid_t caller, const OwnerQuery& query, int file, std::uint32_t uid, std::uint32_t gid) noexcept;

}  // namespace karapace::init
