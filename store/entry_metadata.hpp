// SPDX-License-Identifier: Apache-2.0
// Giving a file on disk the metadata of its listing entry.
#pragma once

#include <cstdint>

#include "store/listing.hpp"

namespace karapace::store {

/// Owner (as the xattr user.karapace.owner when the id is not mapped), xattrs, the opaque mark, then mode and time of
/// an open file or directory. Throws StoreError.
void apply_metadata(int fd, const Entry& entry);
/// Owner (left as it is when the id is not mapped) and time of a link or fifo, and a fifo's mode.
void apply_link_metadata(int directory, const char* name, const Entry& entry);
/// Sets both times; links are not followed.
void set_mtime(int directory, const char* path, std::int64_t mtime, std::uint32_t nanoseconds = 0);

}  // namespace karapace::store
