// SPDX-License-Identifier: Apache-2.0
// Layers: immutable directory trees, addressed by content.
//
// A layer is `layers/<id>/tree`, the files, and `layers/<id>/listing`, one line per entry with everything that counts:
// path, type, mode, owner, mtime, xattrs, link target, file digest, hard-link groups. The id is the BLAKE3 of the
// listing's bytes (docs/hash-contract.md). A layer appears by rename(2), whole or not at all.
//
// The listing is the authority for owners: without subordinate ids every file on disk belongs to the user, and the
// owner that it should have stands in the xattr `user.karapace.owner` ("uid:gid") of files and directories. `scan`
// honours that xattr in every mode and never lists it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "store/identifiers.hpp"

namespace karapace::store {

enum class EntryType : char {
  directory = 'd',
  regular = 'f',
  symlink = 'l',
  hardlink = 'h',  // another name of the regular file `target`, whose path sorts before this one
  fifo = 'p',
  whiteout = 'w',  // on disk a character device 0:0: the path below is hidden
};

struct Xattr {
  std::string name;
  std::string value;
  auto operator<=>(const Xattr&) const = default;
};

/// The last number that an owner can have: chown(2) takes the one after it as "leave it as it is".
inline constexpr std::uint32_t largest_id = 4'294'967'294;

struct Entry {
  std::string path;  // relative, no leading slash, no "." or ".." parts; the root itself is ""
  EntryType type{};
  std::uint32_t mode = 0;  // permission bits, set-id and sticky (07777); 0777 for links, 0 for whiteouts and hardlinks
  std::uint32_t uid = 0;   // the true owner, in every id mode; at most `largest_id`
  std::uint32_t gid = 0;
  std::int64_t mtime = 0;         // seconds, rounded down; 0 for whiteouts and hardlinks
  std::uint32_t nanoseconds = 0;  // of the modification time; layers that steps make have whole seconds
  std::uint64_t size = 0;         // regular files, in bytes
  Digest content{};               // regular files: BLAKE3
  std::string target{};           // symlink: its text; hardlink: path of the first name
  std::vector<Xattr> xattrs{};    // sorted by name; security.capability in its plain (v2) form
  bool opaque = false;            // directories: nothing of the layers below shows through
  auto operator<=>(const Entry&) const = default;
};

/// The canonical listing: entries sorted by path (as bytes), the root first, every parent present. Fields that an
/// entry's type does not use are set to their fixed values (0, 0777, empty), so that two listings of one tree are
/// equal.
class Listing {
 public:
  Listing() = default;
  /// Sorts; throws StoreError when a path is not relative and clean, appears twice or lacks its parent directory, when
  /// the root is missing, when an owner is no id, or when a hard link's target is not a regular file that sorts before
  /// it.
  explicit Listing(std::vector<Entry> entries);
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  /// The entry at `path`, or null.
  const Entry* find(std::string_view path) const noexcept;
  /// The format of its text: 1 wherever that can say everything, so that what was listed before keeps its id, else 2.
  int format() const noexcept { return format_; }
  /// The canonical text (docs/hash-contract.md).
  std::string text() const;
  /// The same in parts of about a megabyte: of a large tree it is tens of them.
  void write_text(const std::function<void(std::string_view part)>& write) const;
  LayerId id() const;
  /// Strict inverse of `text`. StoreError naming `what` and the line.
  static Listing parse(std::string_view text, std::string_view what);
  /// Sum of the sizes of regular files, each hard-link group once.
  std::uint64_t content_size() const noexcept;

 private:
  std::vector<Entry> entries_;
  int format_ = 1;
};

}  // namespace karapace::store
