// SPDX-License-Identifier: Apache-2.0
// The index of roots: what commands ask of all of them, in one file, so that `karapace exec NAME` reads no thousand
// records.
//
// `roots.index` is made by whoever finds none that holds. It names the directory roots/ and the time of its last
// change, and counts only while both are as they say: every record appears, is replaced and goes by rename(2) or
// unlink(2), which change that time (POSIX), whoever does it. root_index.cpp has the argument why a change can not be
// overlooked. In doubt (a change a moment ago, a damaged record, a store that can not be written) every record is read,
// as if there were none.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/root.hpp"

namespace karapace::store {

/// What the index says of a root.
struct IndexedRoot {
  std::string record;  // its name in roots/
  EnvironmentId environment;
  std::string name;
  std::filesystem::path manifest;
  std::vector<std::filesystem::path> directories =
      {};                                     // where its graphs are, and files elsewhere that they are made from
  std::vector<std::string> other_names = {};  // that graphs of its manifest have
  bool operator==(const IndexedRoot&) const = default;
};

/// As of a root: its own name first.
std::vector<std::string> names(const IndexedRoot& root);

class RootIndex {
 public:
  /// As the roots are now. StoreError that names a record which had to be read and is damaged.
  static RootIndex read(const Store& store);
  /// Sorted by name, then manifest; so are the others.
  std::vector<IndexedRoot> all() const;
  std::vector<IndexedRoot> named(std::string_view name) const;
  /// Those whose manifest, or a graph of theirs or a file that it is made from, lies in one of the directories
  /// (absolute, without links).
  std::vector<IndexedRoot> in(const std::vector<std::filesystem::path>& directories) const;

 private:
  RootIndex(std::string text, std::size_t start) : text_(std::move(text)), start_(start) {}
  std::vector<IndexedRoot> holding(const std::vector<std::string>& texts) const;
  std::string text_;
  std::size_t start_;  // of its lines, one for each root
};

/// The record of this name in roots/; nothing when there is none, or no more. StoreError when it is damaged.
std::optional<Root> read_root(const Store& store, const std::string& record, RootSteps steps);

}  // namespace karapace::store
