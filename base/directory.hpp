// SPDX-License-Identifier: Apache-2.0
// Directories: the names in one, and making one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace karapace {

/// All names but "." and "..", sorted as bytes; none when the directory does not exist. StoreError when it can not be
/// read.
std::vector<std::string> names_in(const std::filesystem::path& directory);
/// The same of an open directory; `path` is what messages call it.
std::vector<std::string> names_in(int directory, const std::filesystem::path& path);

/// Makes a directory of exactly this mode, whatever the umask. StoreError when it can not be made, or is there.
void make_directory(const std::filesystem::path& path, mode_t mode = 0755);
/// The same, but one that is there already is left as it is.
void make_directory_if_missing(const std::filesystem::path& path, mode_t mode = 0755);

}  // namespace karapace
