// SPDX-License-Identifier: Apache-2.0
// Decoding a call that changes an owner: one form for chown(2), lchown(2), fchown(2) and fchownat(2) of every
// architecture that the filter covers.
#pragma once

#include <cstdint>
#include <optional>

#include <linux/seccomp.h>

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

}  // namespace karapace::init
