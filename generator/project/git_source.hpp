// SPDX-License-Identifier: Apache-2.0
// Sources of git: what a ref of a repository means, and the tree of a commit as one blob.
//
// The real git is asked, as a child without a shell; the user's configuration, ssh keys and credential helpers count,
// and nothing asks for a password where nobody sits. A repository is only ever read as objects: nothing is checked out,
// so neither its attributes, filters, hooks nor replacements count. Who names it, and what it holds, is anybody's:
// transports that would be programs of this machine (manifest/git_url.hpp), names that lead out of a tree or are git's
// own, submodules that would be files of this machine, and trees and submodules without end are refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generator/project/source_tree.hpp"

namespace karapace::project {

/// A repository that was fetched into a directory of its own, with its submodules at any depth.
class GitSource {
 public:
  /// Fetches `ref` (a branch, a tag, a commit) of `url` below `place`, which exists: only that commit where the server
  /// gives it alone. RemoteError, with what git said, when it can not be had.
  GitSource(std::string url, const std::string& ref, const std::filesystem::path& place);

  /// 40 or 64 hexadecimal digits.
  const std::string& commit() const noexcept { return commit_; }
  /// The commit's tree, submodules' trees inside, times those of the commit; into `file`, or nowhere when it is
  /// negative. ManifestError when a submodule can not be found, or something in a tree may not be in a source.
  ArchiveDigests archive(int file) const;

 private:
  class Collection;
  struct Object {
    std::string mode;
    std::string id;
    std::string path;
    std::shared_ptr<const std::filesystem::path> repository;  // in which it is
    std::uint64_t size = 0;
  };
  std::int64_t time() const;
  /// All of one repository.
  void add(SourceArchive& archive, std::span<const Object> objects) const;
  std::string url_;
  std::filesystem::path place_;
  std::filesystem::path repository_;
  std::string commit_;
};

}  // namespace karapace::project
