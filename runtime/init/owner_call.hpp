// SPDX-License-Identifier: Apache-2.0
// Decoding a call that changes an owner: one form for chown(2), lchown(2), fchown(2) and fchownat(2) of every
// architecture that the filter covers.
#pragma once

#include <cstdint>
#include <optional>

#include <linux/seccomp.h>

namespace karapace::init {

struct OwnerCall {
  static constexpr std::uint32_t unchanged = ~std::uint32_t{0};
  int directory = -1;         // descriptor of the caller, or AT_FDCWD; the file itself when there is no path
  std::uint64_t path = 0;     // address in the caller; 0: the call has no path
  bool follows = true;        // a link as the last name
  bool may_be_empty = false;  // AT_EMPTY_PATH
  std::uint32_t uid = unchanged;
  std::uint32_t gid = unchanged;
};

/// Nothing when it is no such call.
std::optional<OwnerCall> decode_owner_call(const seccomp_data& call) noexcept;

}  // namespace karapace::init
