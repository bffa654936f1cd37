// SPDX-License-Identifier: Apache-2.0
// The metadata that every file system holds, and giving it to files (store/entry_metadata.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "store/entry_metadata.hpp"

namespace karapace::trees {

/// The times that every file system holds, in seconds: 1901-12-13 to 2038-01-19, as ext4 with inodes of 128 bytes and
/// XFS without bigtime have them.
inline constexpr std::int64_t earliest_time = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int64_t latest_time = std::numeric_limits<std::int32_t>::max();
/// The nearest of them: what the kernel does with a time that its file system does not hold, here the same on all.
constexpr std::int64_t nearest_time(std::int64_t time) noexcept { return std::clamp(time, earliest_time, latest_time); }

using store::apply_link_metadata;
using store::apply_metadata;
using store::set_mtime;

}  // namespace karapace::trees
