// SPDX-License-Identifier: Apache-2.0
#include "base/tree_size.hpp"

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/parallel.hpp"

namespace karapace {

namespace {

struct Inode {
  dev_t device = 0;
  ino_t number = 0;
  auto operator<=>(const Inode&) const = default;
};

/// A file with several names.
struct Shared {
  std::uint64_t bytes = 0;
  std::uint64_t names = 0;  // in all
  std::uint64_t found = 0;  // below the paths
  std::size_t path = 0;     // the first path that has it
};

struct Tree {
  std::uint64_t bytes = 0;  // of files with one name
  std::map<Inode, Shared> shared;
};

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Inode inode_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

/// Walks a tree of any depth with one descriptor: each level knows which of its directories are still to come, and ".."
/// leads back to it. What can not be read counts nothing.
class Measuring {
 public:
  Tree run(const std::filesystem::path& path) && {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) count(status);
    enter(AT_FDCWD, path.c_str());
    while (!levels_.empty() && step()) {
    }
    return std::move(tree_);
  }

 private:
  struct Level {
    Inode inode;
    std::vector<std::string> directories;  // still to be visited
  };

  /// False when the tree changed under our feet.
  bool step() {
    auto& directories = levels_.back().directories;
    if (directories.empty()) return leave();
    auto name = std::move(directories.back());
    directories.pop_back();
    enter(::dirfd(at_.get()), name.c_str());
    return true;
  }

  void enter(int parent, const char* name) {
    Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    // Without search permission ".." would lead nowhere.
    if (!fd || ::fstat(fd.get(), &status) != 0 || ::faccessat(fd.get(), ".", X_OK, 0) != 0) return;
    Directory directory(::fdopendir(fd.get()));
    if (!directory) return;
    fd.release();
    levels_.push_back({inode_of(status), read(directory.get())});
    at_ = std::move(directory);
  }

  bool leave() {
    levels_.pop_back();
    if (levels_.empty()) return true;
    Fd fd(::openat(::dirfd(at_.get()), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0 || inode_of(status) != levels_.back().inode) return false;
    Directory directory(::fdopendir(fd.get()));
    if (!directory) return false;
    fd.release();
    at_ = std::move(directory);
    return true;
  }

  std::vector<std::string> read(DIR* directory) {
    std::vector<std::string> directories;
    while (const dirent* entry = ::readdir(directory)) {
      std::string_view name = entry->d_name;
      struct stat status{};
      if (name == "." || name == "..") continue;
      if (::fstatat(::dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISDIR(status.st_mode)) directories.emplace_back(name);
      if (S_ISREG(status.st_mode)) count(status);
    }
    return directories;
  }

  void count(const struct stat& status) {
    auto bytes = static_cast<std::uint64_t>(status.st_size);
    if (status.st_nlink == 1) {
      tree_.bytes += bytes;
      return;
    }
    auto& shared = tree_.shared[inode_of(status)];
    shared.bytes = bytes;
    shared.names = status.st_nlink;
    ++shared.found;
  }

  Tree tree_;
  Directory at_;
  std::vector<Level> levels_;
};

}  // namespace

std::vector<std::uint64_t> freed_bytes(const std::vector<std::filesystem::path>& paths, unsigned threads) {
  std::vector<Tree> trees(paths.size());
  for_each_index(paths.size(), threads, [&](std::size_t i) { trees[i] = Measuring().run(paths[i]); });
  std::vector<std::uint64_t> sizes(paths.size());
  std::map<Inode, Shared> all;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    sizes[i] = trees[i].bytes;
    for (const auto& [inode, shared] : trees[i].shared) {
      auto& sum = all.try_emplace(inode, Shared{shared.bytes, shared.names, 0, i}).first->second;
      sum.found += shared.found;
    }
  }
  for (const auto& [inode, shared] : all) {
    if (shared.found >= shared.names) sizes[shared.path] += shared.bytes;
  }
  return sizes;
}

}  // namespace karapace
