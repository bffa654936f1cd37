// SPDX-License-Identifier: Apache-2.0
// Files that are replaced whole: whoever reads finds the old content or the new one, never a part, also when the writer
// is killed. After a crash of the machine that holds of what was written with Durable::yes; of the rest nothing is
// promised.
#pragma once

#include <filesystem>
#include <string_view>

#include <sys/types.h>

namespace karapace {

enum class Durable { yes, no };  // yes: fsync(2) file and directory before returning
/// Replaces `path` by rename(2): readers see the old content or the new, whole, never a part.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Durable durable,
                           mode_t mode = 0644);

/// The same in an open directory, not forced to the disk. Only the last part of `path` is used, the rest is for
/// messages: no link is followed, and a link of that name is replaced.
void write_file_in(int directory, const std::filesystem::path& path, std::string_view bytes, mode_t mode = 0644);

/// As write_file_atomically (mode 0444), but unfinished the file lies in another directory of the same file system,
/// `staging`.
void publish_file(const std::filesystem::path& staging, const std::filesystem::path& path, std::string_view bytes,
                  Durable durable);

/// Forces what happened to the names in a directory to the disk.
void sync_directory(const std::filesystem::path& directory);

}  // namespace karapace
