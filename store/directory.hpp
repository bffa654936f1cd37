// SPDX-License-Identifier: Apache-2.0
// The names in a directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace karapace {

/// All names but "." and "..", sorted as bytes; none when the directory does not exist. StoreError when it can not be
/// read.
std::vector<std::string> names_in(const std::filesystem::path& directory);
/// The same of an open directory; `path` is what messages call it.
std::vector<std::string> names_in(int directory, const std::filesystem::path& path);

}  // namespace karapace
