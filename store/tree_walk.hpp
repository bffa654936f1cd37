// SPDX-License-Identifier: Apache-2.0
// Walking a tree: every name in it becomes an entry, and a sink takes what was found while it is read, so that listing
// and copying see one and the same thing.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/fd.hpp"
#include "store/listing.hpp"

namespace karapace::store {

enum class Owners {
  from_disk,  // owners are those on disk, unless `user.karapace.owner` says otherwise
  ignore,     // single-id stores: every entry without the xattr counts as 0:0
};

/// Who wrote the `user.karapace.*` attributes of a tree.
enum class Records {
  of_karapace,  // layers and snapshots: all are believed, and what is no record is damage
  // What commands could write to. A record is believed only where the owner can not stand on disk: in single-id stores,
  // and of ids that are not mapped here, at files of 0:0. Else whoever owns a file could give it to root. What is no
  // record counts for nothing. Files with more than 16 GiB of holes are refused: they would be read for hours.
  of_sessions,
};

enum class Times {
  seconds,      // of layers that steps make: rounded down
  nanoseconds,  // of what people made
};

struct ScanOptions {
  Owners owners = Owners::from_disk;
  std::string label{};  // for messages
  unsigned threads = 1;
  /// Called for each path but the root, from `threads` threads; false leaves the entry (and what is below it) out.
  std::function<bool(std::string_view path)> include{};
  Times times = Times::seconds;
  /// Called for each socket, from `threads` threads: it is nothing without the process that made it, so no listing has
  /// it.
  std::function<void(std::string_view path)> left_out{};
  Records records = Records::of_karapace;
  /// Called for each path whose record says no owner, in single-id stores of sessions, from `threads` threads.
  std::function<void(std::string_view path)> no_owner{};
};

/// Takes what a walk finds. Called from several threads; a directory before anything in it.
class TreeSink {
 public:
  virtual ~TreeSink() = default;
  /// What it returns is handed on, as `place`, with everything in the directory.
  virtual Fd directory(const Entry& entry) = 0;
  /// An open regular file: reads `status.st_size` bytes and sets size and content. Called again when the file changed
  /// meanwhile.
  virtual void file(int fd, const struct stat& status, Entry& entry, int place, std::vector<char>& buffer) = 0;
  /// A link, FIFO or whiteout.
  virtual void other(const Entry& entry, int place) = 0;
};

/// A further name of a file that the sink got under its first.
struct FurtherName {
  std::string first;
  std::string path;
};

struct WalkedTree {
  Listing listing;
  std::vector<FurtherName> further_names;  // in no order
};

/// Never follows a link. StoreError that names the path, also of a file that changes again and again while it is read.
WalkedTree walk_tree(int tree, const ScanOptions& options, TreeSink& sink);

// What the pieces of a walk are made of, for others who look at single files of trees.

/// Opens a path below `directory` ("": itself) without following links; an empty Fd, with errno, when it can not.
Fd open_beneath(int directory, const std::string& path, int flags);
/// The entry that the status of a file tells: all but attributes, target and content.
Entry entry_of(const std::string& path, EntryType type, const struct stat& status, const ScanOptions& options);
/// Adds what the attributes of an open file or directory tell: those that count, its owner, whether it is opaque.
/// `entry` is of `entry_of`, with the same options.
void take_attributes(int fd, Entry& entry, const ScanOptions& options, std::string_view label);
/// Whether a file is as it was. The change time moves with content, mode, owner, attributes and the number of names.
bool unchanged(const struct stat& before, const struct stat& after) noexcept;
/// A file with several names, as one of them showed it. Another file is another one, also when it got the number of an
/// inode that was free again meanwhile.
class NamedFile {
 public:
  NamedFile(int fd, const struct stat& status);
  bool is(const NamedFile& other) const { return handle_ == other.handle_ && unchanged(status_, other.status_); }

 private:
  struct stat status_;
  std::string handle_;  // name_to_handle_at(2), with the inode's generation; "" where the file system has none
};
/// The text of a link; nothing, with errno, when it can not be read.
std::optional<std::string> link_target(int directory, const char* name);
/// How a mode, as stat(2) gives it, is listed; nothing for sockets and device nodes but 0:0.
std::optional<EntryType> type_of(const struct stat& status) noexcept;

}  // namespace karapace::store
