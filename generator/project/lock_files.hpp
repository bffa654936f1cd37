// SPDX-License-Identifier: Apache-2.0
// Lock files: the locks that lie in a tree of files, wherever its bytes come from.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/diff/side.hpp"

namespace karapace::project {

struct LockFile {
  std::filesystem::path manifest;  // relative to the tree
  std::filesystem::path path;      // so too
};

struct FoundLocks {
  std::vector<LockFile> locks;
  std::vector<std::filesystem::path> unlocked;  // karapace.toml files without a lock
};
/// The locks with a manifest beside them among `files` (sorted). Others' lock files are taken for candidates, too: see
/// `is_lock`.
FoundLocks find_lock_files(const std::vector<std::filesystem::path>& files);
/// Tells our locks from those that other programs keep beside a NAME.toml. Everything called karapace.lock is ours.
bool is_lock(const LockFile& file, std::string_view text);

struct LockText {
  LockFile file;
  std::string text;
};
/// The side that these locks give. `root`: what the files are relative to, for the names of projects.
diff::GraphSide side_of_locks(std::string title, const std::vector<LockText>& locks, const std::filesystem::path& root);

}  // namespace karapace::project
