// SPDX-License-Identifier: Apache-2.0
// Calls about owners. Decoding one that changes an owner: one form for chown(2), lchown(2), fchown(2) and fchownat(2)
// of every architecture that the filter covers.
#pragma once

#include <cstdint>
#include <optional>

#include <linux/seccomp.h>
#include <sys/types.h>

#include "runtime/init/caller_file.hpp"

namespace karapace::init {

struct OwnerCall {
  static constexpr std::uint32_t unchanged = ~std::uint32_t{0};
  CallerPath file;
  std::uint32_t uid = unchanged;
  std::uint32_t gid = unchanged;
};

/// Nothing when it is no such call.
std::optional<OwnerCall> decode_owner_call(const seccomp_data& call) noexcept;

// Programs copy an owner from a file to its replacement (useradd does with /etc/shadow), so a recorded owner must also
// be seen. Calls on files without a record, by far the most, go on into the kernel unchanged.
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
