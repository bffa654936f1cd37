// SPDX-License-Identifier: Apache-2.0
// The index of roots: what commands ask of all of them, in one file, so that `karapace exec NAME` reads no thousand
// records.
//
// `roots.index` is made by whoever finds none that holds. It has the time of the last change of the directory roots/,
// and of each record in it its number, size and time. It counts only while all are as it says: records that appear, are
// replaced or go change the directory's time, those that somebody writes in place (`cp` of a backup) their own (POSIX).
// root_index.cpp has the argument why a change can not be overlooked. To look at a record costs a twentieth of reading
// it; even so a thousand take longer than the rest of an `exec`, which therefore looks at the directory and at the
// record that it uses (`glance`, `find`): a record that was written in place, which only root can (they are read-only),
// counts there as soon as somebody asked for it by name or listed all. In doubt (a change a moment ago, a damaged
// record, a store that can not be written) every record is read, as if there were none.
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
  /// Without a look at each record: one that was written in place may still stand here with what it said before.
  static RootIndex glance(const Store& store);
  /// The one root that has this name, whose record is as the index says. Nothing when there is none or are several, or
  /// only `read` can tell.
  static std::optional<IndexedRoot> find(const Store& store, std::string_view name);
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
