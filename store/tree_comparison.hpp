// SPDX-License-Identifier: Apache-2.0
// Comparing single files of two trees on disk, whose listings are not at hand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "store/tree_walk.hpp"

namespace karapace::store {

/// A name in an open directory.
struct PlacedName {
  int directory;
  std::string name;
  std::string path;  // for messages, relative to the tree's root
  struct stat status{};
};

class TreeComparison {
 public:
  TreeComparison(const ScanOptions& options, std::string_view label) : options_(options), label_(label) {}

  /// As EntryDifference::aspects, with nanoseconds, but neither times nor opaqueness of directories. Content is
  /// compared byte by byte, up to the first difference. `buffer` is for the caller's thread alone.
  std::vector<std::string_view> differing_aspects(const PlacedName& before, const PlacedName& after,
                                                  std::vector<char>& buffer) const;

 private:
  Entry entry(const PlacedName& name) const;
  bool same_content(const PlacedName& before, const PlacedName& after, std::vector<char>& buffer) const;
  Fd open(const PlacedName& name, int flags) const;
  [[noreturn]] void fail(const PlacedName& name) const;
  const ScanOptions& options_;
  std::string_view label_;
};

}  // namespace karapace::store
