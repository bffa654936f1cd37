// SPDX-License-Identifier: Apache-2.0
// Giving a file on disk the metadata of its listing entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "store/listing.hpp"

namespace karapace::trees {

/// The times that every file system holds, in seconds: 1901-12-13 to 2038-01-19, as ext4 with inodes of 128 bytes and
/// XFS without bigtime have them.
inline constexpr std::int64_t earliest_time = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int64_t latest_time = std::numeric_limits<std::int32_t>::max();
/// The nearest of them: what the kernel does with a time that its file system does not hold, here the same on all.
constexpr std::int64_t nearest_time(std::int64_t time) noexcept { return std::clamp(time, earliest_time, latest_time); }

/// Owner (as the xattr user.karapace.owner when the id is not mapped), xattrs, the opaque mark, then mode and time of
/// an open file or directory. Throws StoreError.
void apply_metadata(int fd, const store::Entry& entry);
/// Owner (left as it is when the id is not mapped) and time of a link or fifo, and a fifo's mode.
void apply_link_metadata(int directory, const char* name, const store::Entry& entry);
/// Sets both times; links are not followed.
void set_mtime(int directory, const char* path, std::int64_t mtime);

}  // namespace karapace::trees
