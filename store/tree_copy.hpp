// SPDX-License-Identifier: Apache-2.0
// Copying a tree exactly, as it is listed: with holes, hard links, attributes, whiteouts, marks, owners and times, and
// without what a listing does not hold.
//
// Every file is hashed while it is copied, so that the listing describes what was read; one that changes meanwhile is
// read again. Where the file system can (reflinks), copies share their blocks with the original until one is written
// to.
#pragma once

#include <cstdint>
#include <optional>

#include "store/tree_walk.hpp"

namespace karapace::store {

/// A tree that is never written to again, and its listing.
struct EarlierTree {
  int tree;
  const Listing& listing;
};

struct TreeCopyOptions {
  ScanOptions scan{};
  /// Files that it has, at the same path and in every respect the same, become further names of its own.
  std::optional<EarlierTree> earlier{};
  /// What the original should be, to which nobody writes: StoreError when it is not that.
  const Listing* expected = nullptr;
};

struct CopiedTree {
  Listing listing;
  std::uint64_t written = 0;  // bytes of files that are not shared with the earlier tree
};

/// Copies what is in the open directory `from` into the empty directory `to`, whose own metadata it sets as well. What
/// it did until it failed stays there. Runs inside the user namespace; follows no link. Nothing is forced to the disk.
CopiedTree copy_tree(int from, int to, const TreeCopyOptions& options);

}  // namespace karapace::store
