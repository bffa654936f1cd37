// SPDX-License-Identifier: Apache-2.0
// TreeWriter: extracts an untrusted archive into a fresh directory and lists what it wrote.
//
// The tree starts empty and nobody else writes to it, so the writer knows every entry: a path whose parent is not a
// directory that this archive made is refused. Hence no link of the archive is ever followed. Refused as well: absolute
// paths, "..", hard links to what does not stand before them in the archive or is a directory, the same path twice
// (directories may repeat), device nodes (those below dev/ of a root file system are left out: the sandbox makes its
// own /dev), paths that are too long (store/path_limit.hpp), owners that are no id, and more bytes than the limit.
// Times that not every file system holds become the nearest that all do.
//
// Of an archive of changes (trees/changes_archive.hpp) more is believed, and more is asked: character devices 0:0 are
// whiteouts, `user.overlay.opaque` = "y" marks opaque directories, and ACLs count. Other marks of overlays, attributes
// that no layer holds, a directory that appears twice or is left out are refused there: it says exactly what changes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trees/archive_reader.hpp"
#include "runtime/trees/fresh_tree.hpp"
#include "store/listing.hpp"

namespace karapace::trees {

enum class DeviceNodes { refuse, leave_out_below_dev };

enum class ArchiveOf {
  whole_tree,
  changes,  // of what lies below
};

enum class Owners {
  as_archived,
  root,  // owner 0:0, no set-id and sticky bits, no attributes: files of whoever has them
};

struct TreeWriterOptions {
  DeviceNodes devices = DeviceNodes::refuse;
  Owners owners = Owners::as_archived;
  ArchiveOf archive_of = ArchiveOf::whole_tree;
  std::uint64_t byte_limit = 0;                      // of file contents in all, and of the archive itself
  std::optional<std::int64_t> mtime = std::nullopt;  // of all entries, in place of the archive's
};

/// What an archive calls the owner of an entry; "" where it has numbers only.
struct OwnersByName {
  std::string_view user;
  std::string_view group;
};

class TreeWriter {
 public:
  /// Writes below `directory`, which must be empty.
  TreeWriter(int directory, TreeWriterOptions options);

  using Seen = std::function<void(const store::Entry& entry, const OwnersByName& names)>;
  /// Extracts every entry of the archive below `prefix` ("" or "data") and calls `seen` before each in the
  /// archive's order. StepError with the archive's label.
  void extract(ArchiveReader& archive, std::string_view prefix, const Seen& seen);
  /// Writes one more regular file (mode 0644, owner 0:0). Parents must exist.
  void add_file(std::string path, std::string_view bytes, std::int64_t mtime);
  void add_directory(std::string path, unsigned mode, std::int64_t mtime);
  /// Sets the directories' times and returns the listing. The writer is finished then.
  store::Listing finish() { return tree_.finish(); }

  const store::Entry* find(std::string_view path) const { return tree_.find(path); }
  /// All that was written so far, in the archives' order.
  const std::vector<store::Entry>& entries() const noexcept { return tree_.entries(); }

 private:
  std::string relative_path(const ArchiveReader& archive, std::string_view name, std::string_view prefix) const;
  void extract_entry(ArchiveReader& archive, archive_entry* header, store::Entry entry);
  void extract_directory(const ArchiveReader& archive, store::Entry entry);
  void extract_regular(ArchiveReader& archive, std::uint64_t size, store::Entry entry);
  void read_file(ArchiveReader& archive, std::uint64_t size, int file, store::Entry& entry);
  void count_bytes(const ArchiveReader& archive, std::uint64_t count);
  void extract_hardlink(const ArchiveReader& archive, store::Entry entry);
  bool holds_changes() const noexcept { return options_.archive_of == ArchiveOf::changes; }
  void take_attributes(const ArchiveReader& archive, archive_entry* header, store::Entry& entry) const;
  std::uint64_t append_bytes(int file, std::string_view bytes, const store::Entry& entry) const;
  void require_parent(const ArchiveReader& archive, const std::string& path);
  [[noreturn]] static void refuse_implied(const ArchiveReader& archive);
  void require_length(const ArchiveReader& archive) const;
  [[noreturn]] void refuse_length(const ArchiveReader& archive) const;
  void require_new(const ArchiveReader& archive, const std::string& path) const;

  FreshTree tree_;
  TreeWriterOptions options_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
  std::uint64_t written_ = 0;
  std::size_t implied_ = 0;  // directories that the archive leaves out
};

}  // namespace karapace::trees
