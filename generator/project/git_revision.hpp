// SPDX-License-Identifier: Apache-2.0
// GitRevision: the files of a commit, as git(1) tells them. Nothing is checked out, nothing is fetched. The repository
// need not be trusted: git starts no program for it, and one that keeps git waiting is an Error after a while.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace karapace::project {

class GitRevision {
 public:
  /// `word`: what git takes for a commit, "HEAD~1", "origin/main". Nothing when `directory` lies in no repository, or
  /// that has no such commit. Error when git is not installed, or refuses the repository.
  static std::optional<GitRevision> find(const std::string& word, const std::filesystem::path& directory);

  struct File {
    std::filesystem::path path;  // relative to the repository's root
    std::string object;
  };
  /// The regular files at and below `path`, sorted.
  std::vector<File> files(const std::filesystem::path& path) const;
  /// Their contents, in this order.
  std::vector<std::string> read(const std::vector<File>& files) const;

  /// `path` (relative to the directory of `find`, or absolute) relative to the repository's root; "" is the root
  /// itself. Error when it lies outside.
  std::filesystem::path inside(const std::filesystem::path& path) const;
  /// The repository's root as an absolute path, also where a bare repository has no files.
  const std::filesystem::path& root() const noexcept { return root_; }

 private:
  std::filesystem::path directory_;
  std::filesystem::path root_;
  std::string commit_;
};

/// Whether `directory`, which is absolute, or one above it looks like the root of a repository.
bool is_in_work_tree(std::filesystem::path directory);

/// The files below `directory` that git tracks or would not ignore, relative to it. Nothing when it lies in no
/// repository, or git is not installed.
std::optional<std::vector<std::filesystem::path>> files_of_work_tree(const std::filesystem::path& directory);

/// Directories, with all links resolved, and what files_of_work_tree tells of them.
using WorkTreeFiles = std::map<std::filesystem::path, std::vector<std::filesystem::path>>;
/// Of all `directories` at once, which takes hardly longer than of one. Those that git has to be asked about one by one
/// are left out: what does not lie below `project`, is of a repository of its own, or has no file.
WorkTreeFiles files_of_work_trees(const std::filesystem::path& project,
                                  const std::vector<std::filesystem::path>& directories);

}  // namespace karapace::project
