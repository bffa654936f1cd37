// SPDX-License-Identifier: Apache-2.0
// Sources of git: what a ref of a repository means, and the tree of a commit as one blob.
//
// The real git is asked, as a child without a shell; the user's configuration, ssh keys and credential helpers count,
// and nothing asks for a password where nobody sits. A repository is only ever read as objects: nothing is checked out,
// so neither its attributes, filters nor hooks count. It is anybody's: what stands in its .gitmodules leads to other
// hosts only, its refs/replace count for nothing, and there are limits of how much of it is believed to be a source.
#pragma once

#include <filesystem>
#include <string>

#include "generator/project/source_tree.hpp"

namespace karapace::project {

/// A repository that was fetched into a directory of its own, with its submodules at any depth.
class GitSource {
 public:
  /// Fetches `ref` (a branch, a tag, a commit) of `url` below `place`, which exists: only that commit where the server
  /// gives it alone. A commit's whole name means that commit. RemoteError, with what git said, when it can not be had.
  GitSource(std::string url, const std::string& ref, const std::filesystem::path& place);

  /// 40 or 64 hexadecimal digits.
  const std::string& commit() const noexcept { return commit_; }
  /// The commit's tree, submodules' trees inside, times those of the commit; into `file`, or nowhere when it is
  /// negative. ManifestError when a submodule has no URL, or one that leads to this machine.
  ArchiveDigests archive(int file) const;

 private:
  std::string url_;
  std::filesystem::path place_;
  std::filesystem::path repository_;
  std::string commit_;
};

}  // namespace karapace::project
