// SPDX-License-Identifier: Apache-2.0
#include "generator/project/git_trees.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "generator/project/source_git.hpp"

namespace karapace::project {

namespace {

constexpr std::uint64_t most_tree_bytes = std::uint64_t{300} << 20;  // a million of the longest names
constexpr std::uint64_t most_bytes_together = std::uint64_t{16} << 20;
constexpr std::uint64_t most_ids_told = std::uint64_t{80} << 20;  // a million of the longest
constexpr std::string_view directory_mode = "40000";

struct SizedTree {
  std::string id;
  std::uint64_t size = 0;
};

/// Every tree of a tree once, itself first.
std::vector<SizedTree> trees_of(const std::filesystem::path& repository, const std::string& root,
                                std::string_view what) {
  const auto listed = required_git({.repository = repository,
                                    .words = {"rev-list", "--objects", "--filter=blob:none", root},
                                    .most_told = most_ids_told * 4},
                                   what);
  std::vector<SizedTree> trees;
  std::string wanted;
  for (const auto line : lines(listed)) {
    trees.push_back({std::string(line.substr(0, line.find(' '))), 0});
    wanted += trees.back().id + "\n";
  }
  const auto sizes = required_git({.repository = repository,
                                   .words = {"cat-file", "--batch-check=%(objectsize)"},
                                   .input = wanted,
                                   .most_told = most_ids_told},
                                  what);
  std::size_t at = 0;
  for (const auto line : lines(sizes)) {
    if (at == trees.size()) break;
    std::from_chars(line.data(), line.data() + line.size(), trees[at++].size);
  }
  return trees;
}

}  // namespace

GitTrees::GitTrees(const std::filesystem::path& repository, const std::string& commit, std::string_view what)
    : what_(what) {
  root_ = first_line(
      required_git({.repository = repository, .words = {"rev-parse", "--verify", commit + "^{tree}"}}, what_));
  read(repository);
  count_ = measure(root_, 1).entries;
}

void GitTrees::read(const std::filesystem::path& repository) {
  const auto trees = trees_of(repository, root_, what_);
  if (trees.size() > most_entries) refuse_many();
  std::uint64_t sum = 0;
  for (const auto& tree : trees) {
    sum += std::min(tree.size, most_tree_bytes);
    if (sum > most_tree_bytes)
      throw ManifestError(fmt::format("{}: its directories alone have more than {} MiB, which is no source any more",
                                      what_, most_tree_bytes >> 20));
  }
  for (std::size_t first = 0; first < trees.size();) {
    auto last = first;
    std::string wanted;
    for (std::uint64_t bytes = 0;
         last < trees.size() && (last == first || bytes + trees[last].size < most_bytes_together);
         bytes += trees[last++].size)
      wanted += trees[last].id + "\n";
    const auto output =
        required_git({.repository = repository, .words = {"cat-file", "--batch"}, .input = wanted}, what_);
    std::string_view rest = output;
    for (; first < last; ++first) {
      const auto bytes = next_object(rest, trees[first].id, "tree");
      if (!bytes) throw RemoteError(fmt::format("{}: git has not the tree {}", what_, trees[first].id));
      add(trees[first].id, *bytes);
    }
  }
}

void GitTrees::add(const std::string& id, std::string_view bytes) {
  for (auto rest = bytes; next_entry(rest);)
    if (++read_ > most_entries) refuse_many();
  all_.emplace(id, Tree{std::string(bytes)});
}

const GitTrees::Tree& GitTrees::measure(const std::string& id, std::size_t depth) {
  const auto found = all_.find(id);
  if (found == all_.end()) throw RemoteError(fmt::format("{}: git has not the tree {}", what_, id));
  auto& tree = found->second;
  if (tree.height == 0) {
    std::size_t height = 1;
    for (std::string_view rest = tree.bytes; const auto entry = next_entry(rest);) {
      ++tree.entries;
      if (entry->mode == directory_mode && depth <= deepest_tree) {
        const auto& below = measure(entry->id, depth + 1);
        tree.entries += below.entries;
        height = std::max(height, below.height + 1);
      }
      if (tree.entries > most_entries) refuse_many();
    }
    tree.height = height;
  }
  if (depth + tree.height > deepest_tree)
    throw ManifestError(fmt::format("{}: directories lie in directories more than {} deep", what_, deepest_tree));
  return tree;
}

std::string_view GitTrees::at(const std::string& id) const {
  const auto found = all_.find(id);
  if (found == all_.end()) throw RemoteError(fmt::format("{}: git has not the tree {}", what_, id));
  return found->second.bytes;
}

/// "<mode> <name>\0<the object's name in binary>".
std::optional<GitTreeEntry> GitTrees::next_entry(std::string_view& tree) const {
  if (tree.empty()) return std::nullopt;
  const auto id_size = root_.size() / 2;
  const auto blank = tree.find(' ');
  const auto end = tree.find('\0');
  if (blank == tree.npos || end == tree.npos || blank > end || tree.size() - end - 1 < id_size)
    throw RemoteError(fmt::format("{}: a tree in it is damaged", what_));
  GitTreeEntry entry{tree.substr(0, blank), tree.substr(blank + 1, end - blank - 1), {}};
  entry.id.reserve(root_.size());
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char byte : tree.substr(end + 1, id_size)) {
    entry.id += digits[static_cast<unsigned char>(byte) >> 4];
    entry.id += digits[static_cast<unsigned char>(byte) & 15];
  }
  tree.remove_prefix(end + 1 + id_size);
  return entry;
}

void GitTrees::refuse_many() const {
  throw ManifestError(fmt::format("{}: there are more than {} files in it", what_, most_entries));
}

std::optional<std::string_view> next_object(std::string_view& rest, const std::string& id, std::string_view type) {
  const auto header = rest.substr(0, rest.find('\n'));
  const auto start = fmt::format("{} {} ", id, type);
  std::uint64_t size = 0;
  if (!header.starts_with(start)) return std::nullopt;
  std::from_chars(header.data() + start.size(), header.data() + header.size(), size);
  if (rest.size() < header.size() + 2 || rest.size() - header.size() - 2 < size) return std::nullopt;
  const auto content = rest.substr(header.size() + 1, size);
  rest.remove_prefix(header.size() + size + 2);
  return content;
}

}  // namespace karapace::project
