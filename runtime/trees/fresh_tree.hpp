// SPDX-License-Identifier: Apache-2.0
// FreshTree: a tree that is written entry by entry into an empty directory, and its listing.
//
// Nobody else writes to the directory, so the tree knows every entry. Whoever writes makes sure that the parent of an
// entry is a directory of the tree; hence no link in it is ever followed. Directories get their metadata last: making
// or changing a child no longer touches its parent's time then.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

class FreshTree {
 public:
  /// Writes below `directory`, which must be empty. The root has the mode 0755, the owner 0:0 and the time 0.
  explicit FreshTree(int directory);

  const store::Entry* find(std::string_view path) const;
  /// All that was written, in this order, also what was removed again.
  const std::vector<store::Entry>& entries() const noexcept { return entries_; }

  // Each makes what was not there. StoreError when it can not be written.
  void make_directory(store::Entry entry);
  /// `fill` writes the bytes and sets size and content of the entry.
  using Fill = std::function<void(int file, store::Entry& entry)>;
  void make_file(store::Entry entry, const Fill& fill);
  void make_symlink(store::Entry entry);
  void make_fifo(store::Entry entry);
  void make_whiteout(std::string path);
  /// Another name of the file `target`, which may be one of several names itself.
  void link_file(std::string path, std::string_view target);

  /// Other metadata for a directory that is there.
  void change_directory(store::Entry entry);
  void make_opaque(std::string_view path);
  /// Removes what stands at `path`, with all below it. False, and nothing is removed, when that has a file with a name
  /// elsewhere in the tree.
  bool remove(const std::string& path);
  /// Gives the directories their metadata and answers the listing. The tree is finished then.
  store::Listing finish();

 private:
  int parent_of(const std::string& path);
  store::Entry& remember(store::Entry entry);
  bool is_there(std::size_t i) const;
  std::vector<std::size_t> at_or_below(const std::string& path) const;

  int directory_;
  std::vector<store::Entry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
  std::unordered_map<std::string, std::size_t> links_;  // other names of a file, counted
  Fd parent_;  // the directory opened last, most entries share it with their neighbour
  std::string parent_path_;
};

}  // namespace karapace::trees
