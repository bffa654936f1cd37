// SPDX-License-Identifier: Apache-2.0
// The trees of a commit, as a repository that may be anybody's has them.
//
// Some bytes of a pack can be trees without end: wide ones, deep ones, and ones that stand in each other again and
// again. So sizes are asked before anything is read, a tree is read once and kept as its bytes, and how much all of it
// would be is known before anybody walks through it. However deep it is, git is asked a few times.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace karapace::project {

/// More than anybody has in a source.
inline constexpr std::size_t most_entries = 1'000'000;  // files and directories
inline constexpr std::size_t deepest_tree = 1536;       // a path of more parts is too long for any

/// Of a tree; valid as long as the trees are.
struct GitTreeEntry {
  /// "40000" of directories, "100644" and "100755" of files, "120000" of links, "160000" of submodules.
  std::string_view mode;
  std::string_view name;
  std::string id;
};

class GitTrees {
 public:
  /// RemoteError, that begins with `what`, when a tree is damaged; ManifestError when there is more than a source may
  /// have.
  GitTrees(const std::filesystem::path& repository, const std::string& commit, std::string_view what);

  const std::string& root() const noexcept { return root_; }
  /// How many entries the whole tree has, submodules' own not counted: at most `most_entries`.
  std::size_t count() const noexcept { return count_; }
  /// The bytes of a tree that the commit has, for next_entry.
  std::string_view at(const std::string& id) const;
  /// Takes the first entry away from a tree; nothing at its end.
  std::optional<GitTreeEntry> next_entry(std::string_view& tree) const;

 private:
  struct Tree {
    std::string bytes;
    std::size_t entries = 0;  // in it at any depth
    std::size_t height = 0;   // 0: not known yet
  };
  void read(const std::filesystem::path& repository);
  void add(const std::string& id, std::string_view bytes);
  const Tree& measure(const std::string& id, std::size_t depth);
  [[noreturn]] void refuse_many() const;

  std::string what_;
  std::string root_;
  std::size_t read_ = 0;  // entries of trees that are different
  std::size_t count_ = 0;
  std::map<std::string, Tree> all_;
};

/// Of what `git cat-file --batch` answers, "<object> <type> <size>\n<content>\n", the next one's content; nothing when
/// it is not this object.
std::optional<std::string_view> next_object(std::string_view& rest, const std::string& id, std::string_view type);

}  // namespace karapace::project
