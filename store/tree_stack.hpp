// SPDX-License-Identifier: Apache-2.0
// TreeStack: what directory trees show on top of each other, as overlayfs would, looked up on disk: whiteouts hide,
// opaque directories cut off. A look-up costs what it looks at, never what the trees hold; no link is ever followed.
// (runtime/trees/layer_stack.hpp is the same of listings, all in memory.)
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/fd.hpp"

namespace karapace::store {

class TreeStack {
 public:
  /// `trees` from the bottom up; may be empty. StoreError when one can not be opened.
  explicit TreeStack(std::vector<std::filesystem::path> trees);

  /// Indices of trees, the topmost first: those whose directories at one path are shown merged.
  using Layers = std::vector<std::size_t>;
  /// Those of the root.
  Layers roots() const;

  struct Directory {
    std::string path;
    Layers layers;
    std::vector<Fd> fds;  // of each
  };
  /// Opens what `layers` have at `path`, a directory in each.
  Directory open(std::string path, Layers layers) const;

  struct Found {
    std::size_t layer = 0;
    struct stat status{};
  };
  /// What is shown under a name of the directory; nothing where a whiteout or nothing is.
  std::optional<Found> find(const Directory& directory, const std::string& name) const;
  /// The layers of a subdirectory; empty when no directory is shown under this name.
  Layers subdirectory(const Directory& directory, const std::string& name) const;
  /// All that is shown in the directory, by name.
  std::map<std::string, Found> names(const Directory& directory) const;

  /// The tree of a layer that was found.
  int tree(std::size_t layer) const noexcept { return fds_[layer].get(); }
  const std::filesystem::path& path(std::size_t layer) const noexcept { return paths_[layer]; }

 private:
  struct Look;
  Look look(const Directory& directory, const std::string& name) const;
  std::vector<std::filesystem::path> paths_;
  std::vector<Fd> fds_;
};

/// "a/b" of "a" and "b", "b" of "" and "b".
std::string child_path(std::string_view directory, std::string_view name);

}  // namespace karapace::store
