// SPDX-License-Identifier: Apache-2.0
// Directories: the names in one, making one, and one that lives as long as a value.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
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

/// A directory of this user's alone, removed with all that is in it when the value goes.
class TemporaryDirectory {
 public:
  /// "NAME-XXXXXX" in `parent`, or in the directory for temporary files when none is given or nothing can be made
  /// there. Error when it can not be made there either.
  explicit TemporaryDirectory(std::string_view name = "karapace", const std::filesystem::path& parent = {});
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace karapace
