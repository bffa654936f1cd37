// SPDX-License-Identifier: Apache-2.0
// Composition: the tree that a layer will be, as data: which entry stands where and which file on disk it comes from.
//
// Packages are merged into it by the rules of their family, files that an installation made are added, and `write`
// makes the tree: directories anew, everything else as hard links to the packages' layers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/trees/layer_stack.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

/// A file on disk. A tree has a hundred thousand, so what many share is kept once (Composition::shared).
struct Source {
  const std::filesystem::path* directory = nullptr;  // null: there is none
  std::string path;                                  // below it; "": that of the entry
};

struct Node {
  store::Entry entry;                  // never a hardlink: names of one file share a group
  std::uint64_t group = 0;             // 0: not a hard link
  Source source;                       // what `write` links; none: made anew from `content`
  bool copy = false;                   // the source is copied, because it has other metadata (a blob)
  std::string content;                 // of a regular file without source
  const std::string* owner = nullptr;  // the package that ships it, for conflicts; null: none
};

class Composition {
 public:
  /// An empty tree above `lower`, which must outlive it.
  explicit Composition(const LayerStack& lower);
  Composition(Composition&&) = default;  // nodes point to what it holds, so it can not be copied

  /// The path with links in its parent directories followed, here and in the layers below: "bin/ls" → "usr/bin/ls".
  std::string resolve_parents(std::string_view path) const;
  /// What is visible at a resolved path, here or below; null when nothing is.
  const store::Entry* visible(std::string_view path) const;
  const Node* find(std::string_view path) const;
  bool is_directory(std::string_view path) const;

  /// Puts a node at its (resolved) path, with the parents it needs; directories that the layers below have keep their
  /// owner, mode and times. What stood there is replaced.
  void put(Node node);
  /// A regular file with this content, mode 0644, owner 0:0.
  void put_file(std::string path, std::string content, std::int64_t mtime);
  /// Removes what stands at `path` and below it in this tree (not in the layers below).
  void erase(std::string_view path);

  std::map<std::string, Node, std::less<>>& nodes() noexcept { return nodes_; }
  /// The same as what nodes can point to; it lives as long as the composition.
  const std::filesystem::path* shared(std::filesystem::path path) { return &*paths_.insert(std::move(path)).first; }
  const std::string* shared(std::string name) { return &*names_.insert(std::move(name)).first; }
  /// A number for a new hard-link group.
  std::uint64_t new_group() noexcept { return ++groups_; }
  /// The canonical listing of the tree, which is taken apart for it: both together would be memory twice.
  store::Listing listing() &&;
  /// Makes the tree below the empty directory `tree`; directories' times are left to `write_directory_times`. What the
  /// nodes were made from is forgotten. StoreError when a source is not what its entry says: files are read and hashed,
  /// also those that are linked, since what is damaged must not get into something new.
  void write(const std::filesystem::path& tree);
  void write_directory_times(const std::filesystem::path& tree) const;

 private:
  void ensure_parents(std::string_view path);
  const LayerStack& lower_;
  std::map<std::string, Node, std::less<>> nodes_;
  std::set<std::filesystem::path> paths_;
  std::set<std::string> names_;
  std::uint64_t groups_ = 0;
};

}  // namespace karapace::trees
