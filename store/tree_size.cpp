// SPDX-License-Identifier: Apache-2.0
#include "store/tree_size.hpp"

#include <cerrno>
#include <compare>
#include <map>

#include <fmt/format.h>
#include <fts.h>
#include <sys/stat.h>

#include "store/error.hpp"
#include "store/escape.hpp"
#include "store/parallel.hpp"

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

Tree measure(const std::filesystem::path& path) {
  Tree tree;
  char* const paths[] = {const_cast<char*>(path.c_str()), nullptr};
  FTS* walk = ::fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, nullptr);
  if (walk == nullptr) throw StoreError(errno_message(fmt::format("cannot read \"{}\"", escaped_utf8(path.native())), errno));
  while (const FTSENT* entry = ::fts_read(walk)) {
    if (entry->fts_info != FTS_F) continue;
    const auto& status = *entry->fts_statp;
    auto bytes = static_cast<std::uint64_t>(status.st_size);
    if (status.st_nlink == 1) {
      tree.bytes += bytes;
      continue;
    }
    auto& shared = tree.shared[{status.st_dev, status.st_ino}];
    shared.bytes = bytes;
    shared.names = status.st_nlink;
    ++shared.found;
  }
  ::fts_close(walk);
  return tree;
}

}  // namespace

std::vector<std::uint64_t> freed_bytes(const std::vector<std::filesystem::path>& paths, unsigned threads) {
  std::vector<Tree> trees(paths.size());
  for_each_index(paths.size(), threads, [&](std::size_t i) { trees[i] = measure(paths[i]); });
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
