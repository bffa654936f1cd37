// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/tree_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "runtime/trees/header_entry.hpp"
#include "runtime/trees/path_resolution.hpp"
#include "store/file_attributes.hpp"
#include "store/listing.hpp"
#include "store/path_limit.hpp"

namespace karapace::trees {

namespace {

constexpr std::size_t most_implied = 10'000;
constexpr std::uint64_t room_for_headers = std::uint64_t{1} << 30;
constexpr std::size_t page = 4096;

std::size_t to_page_end(std::uint64_t offset) { return page - offset % page; }

bool is_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == bytes.npos; }

[[noreturn]] void fail_writing(const std::string& path, int errno_value) {
  throw StoreError(errno_message(fmt::format("cannot write \"{}\"", path), errno_value));
}

void write_at(int file, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  if (::lseek(file, static_cast<off_t>(offset), SEEK_SET) < 0) fail_writing(path, errno);
  write_all(file, bytes, path);
}

void own_by_root(archive_entry* header) {
  archive_entry_set_uid(header, 0);
  archive_entry_set_gid(header, 0);
  archive_entry_set_perm(header, archive_entry_perm(header) & 0777);
  archive_entry_xattr_clear(header);
  archive_entry_acl_clear(header);
}

OwnersByName names_of(archive_entry* header) {
  const char* user = archive_entry_uname(header);
  const char* group = archive_entry_gname(header);
  return {user ? user : "", group ? group : ""};
}

}  // namespace

TreeWriter::TreeWriter(int directory, TreeWriterOptions options) : tree_(directory), options_(options) {}

std::string TreeWriter::relative_path(const ArchiveReader& archive, std::string_view name,
                                      std::string_view prefix) const {
  if (name.starts_with('/')) {
    throw StepError(fmt::format("{}: refused: the path \"{}\" is absolute", archive.label(), beginning(name)));
  }
  std::string path(prefix);
  for (std::size_t begin = 0; begin <= name.size();) {
    auto end = std::min(name.find('/', begin), name.size());
    auto part = name.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      throw StepError(
          fmt::format("{}: refused: the path \"{}\" leads outside with \"..\"", archive.label(), beginning(name)));
    }
    // Of overlays and of the layers of containers; fuse-overlayfs would hide what lies below it by them.
    if (part.starts_with(store::whiteout_prefix)) {
      throw StepError(
          fmt::format("{}: refused: the path \"{}\" is a whiteout, which no whole file system has; make the "
                      "archive of a container's file system (`podman export`), not of one of its layers",
                      archive.label(), beginning(name)));
    }
    if (!path.empty()) path += '/';
    path += part;
  }
  if (auto complaint = store::length_complaint(path)) {
    throw StepError(fmt::format("{}: refused: {}", archive.label(), *complaint));
  }
  return path;
}

void TreeWriter::take_attributes(const ArchiveReader& archive, archive_entry* header, store::Entry& entry) const {
  auto xattrs = all_xattrs(header);
  if (!holds_changes()) {
    std::erase_if(xattrs, [](const auto& xattr) { return !is_a_files_own(xattr.name); });
  } else {
    const bool is_directory = archive_entry_filetype(header) == AE_IFDIR && !archive_entry_hardlink(header);
    const auto is_opaque = [&](const auto& xattr) {
      return xattr.name == "user.overlay.opaque" && xattr.value == "y" && is_directory && !entry.path.empty();
    };
    entry.opaque = std::erase_if(xattrs, is_opaque) > 0;
    for (const auto& [name, value] : xattrs)
      if (!is_of_layers(name)) refuse_attribute(archive, entry.path, name, "is none that a layer holds");
  }
  entry.xattrs = layer_xattrs(archive, entry, std::move(xattrs));
}

void TreeWriter::require_parent(const ArchiveReader& archive, const std::string& path) {
  std::string parent(parent_path(path));
  const auto* entry = find(parent);
  if (!entry && holds_changes())
    throw StepError(fmt::format("{}: refused: the directory \"{}\" of \"{}\" does not stand before it", archive.label(),
                                beginning(parent), beginning(path)));
  if (!entry) {
    // Archives may leave directories out; they get what mkdir would give.
    if (++implied_ > most_implied) refuse_implied(archive);
    require_parent(archive, parent);
    add_directory(parent, 0755, options_.mtime.value_or(0));
    return;
  }
  if (entry->type != store::EntryType::directory) {
    throw StepError(fmt::format("{}: refused: \"{}\" passes through \"{}\", which is not a directory of this archive",
                                archive.label(), beginning(path), beginning(parent)));
  }
}

// A name of three thousand bytes makes as many directories: a few hundred bytes of an archive would take minutes.
void TreeWriter::refuse_implied(const ArchiveReader& archive) {
  throw StepError(
      fmt::format("{}: refused: it leaves out more than {} directories of its paths", archive.label(), most_implied));
}

void TreeWriter::require_new(const ArchiveReader& archive, const std::string& path) const {
  if (find(path)) throw StepError(fmt::format("{}: refused: \"{}\" appears twice", archive.label(), beginning(path)));
}

void TreeWriter::extract(ArchiveReader& archive, std::string_view prefix, const Seen& seen) {
  while (archive_entry* header = archive.next()) {
    const char* name = archive_entry_pathname(header);
    if (!name) throw StepError(fmt::format("{}: refused: an entry without a name", archive.label()));
    require_length(archive);
    if (options_.owners == Owners::root) own_by_root(header);
    auto entry = entry_of(archive, header, relative_path(archive, name, prefix));
    if (options_.mtime) entry.mtime = *options_.mtime;
    take_attributes(archive, header, entry);
    seen(entry, names_of(header));
    if (const char* link = archive_entry_hardlink(header)) {
      entry.target = relative_path(archive, link, prefix);
      extract_hardlink(archive, std::move(entry));
      continue;
    }
    extract_entry(archive, header, std::move(entry));
  }
}

void TreeWriter::extract_entry(ArchiveReader& archive, archive_entry* header, store::Entry entry) {
  switch (archive_entry_filetype(header)) {
    case AE_IFDIR: return extract_directory(archive, std::move(entry));
    case AE_IFREG: {
      const auto size = std::max<std::int64_t>(archive_entry_size(header), 0);
      return extract_regular(archive, static_cast<std::uint64_t>(size), std::move(entry));
    }
    case AE_IFLNK:
      require_parent(archive, entry.path);
      require_new(archive, entry.path);
      entry.target = archive_entry_symlink(header) ? archive_entry_symlink(header) : "";
      require_target(archive, entry);
      return tree_.make_symlink(std::move(entry));
    case AE_IFIFO:
      require_parent(archive, entry.path);
      require_new(archive, entry.path);
      return tree_.make_fifo(std::move(entry));
    case AE_IFCHR:
      if (!holds_changes() || archive_entry_rdev(header) != 0) break;
      require_parent(archive, entry.path);
      require_new(archive, entry.path);
      return tree_.make_whiteout(std::move(entry.path));
    default: break;
  }
  bool below_dev = entry.path.starts_with("dev/");
  if (options_.devices == DeviceNodes::leave_out_below_dev && below_dev) return;
  throw StepError(
      fmt::format("{}: refused: \"{}\" is a device node or a socket", archive.label(), beginning(entry.path)));
}

void TreeWriter::extract_directory(const ArchiveReader& archive, store::Entry entry) {
  const auto* known = find(entry.path);
  if (known && known->type != store::EntryType::directory) require_new(archive, entry.path);
  if (!known) {
    require_parent(archive, entry.path);
    return tree_.make_directory(std::move(entry));
  }
  if (holds_changes() && !entry.path.empty()) require_new(archive, entry.path);
  tree_.change_directory(std::move(entry));
}

void TreeWriter::add_directory(std::string path, unsigned mode, std::int64_t mtime) {
  store::Entry entry;
  entry.path = std::move(path);
  entry.mode = mode;
  entry.mtime = mtime;
  tree_.make_directory(std::move(entry));
}

/// Headers take time, too, though they make no file bigger.
void TreeWriter::require_length(const ArchiveReader& archive) const {
  if (archive.position() <= options_.byte_limit + room_for_headers) return;
  refuse_length(archive);
}

void TreeWriter::refuse_length(const ArchiveReader& archive) const {
  throw StepError(
      fmt::format("{}: refused: it unpacks to more than {} MiB; set KARAPACE_UNPACK_LIMIT (bytes) if that is intended",
                  archive.label(), options_.byte_limit >> 20));
}

void TreeWriter::count_bytes(const ArchiveReader& archive, std::uint64_t count) {
  written_ += count;
  if (written_ > options_.byte_limit) refuse_length(archive);
}

void TreeWriter::extract_regular(ArchiveReader& archive, std::uint64_t size, store::Entry entry) {
  require_parent(archive, entry.path);
  require_new(archive, entry.path);
  if (written_ > options_.byte_limit || size > options_.byte_limit - written_) refuse_length(archive);
  tree_.make_file(std::move(entry), [&](int file, store::Entry& made) { read_file(archive, size, file, made); });
}

void TreeWriter::read_file(ArchiveReader& archive, std::uint64_t size, int file, store::Entry& entry) {
  Blake3 hasher;
  const auto append = [&](std::size_t count) {
    count_bytes(archive, count);
    const std::string_view bytes(buffer_.data(), count);
    hasher.update(bytes);
    entry.size = append_bytes(file, bytes, entry);
  };
  while (std::size_t count = archive.read(buffer_)) append(count);
  // libarchive gives zeros for the holes of a sparse file, but not for one at its end.
  if (entry.size < size) std::fill(buffer_.begin(), buffer_.end(), '\0');
  while (entry.size < size) append(std::min<std::uint64_t>(buffer_.size(), size - entry.size));
  entry.content = hasher.finish();
  if (holds_changes() && ::ftruncate(file, static_cast<off_t>(entry.size)) != 0) fail_writing(entry.path, errno);
}

/// Answers the size then. What is changed may be the image of a disk: pages of zeros are left as holes, whatever the
/// archive makes of them, so that the same bytes take the same room everywhere.
std::uint64_t TreeWriter::append_bytes(int file, std::string_view bytes, const store::Entry& entry) const {
  const auto end = entry.size + bytes.size();
  if (!holds_changes()) {
    write_all(file, bytes, entry.path);
    return end;
  }
  std::size_t begin = 0;
  while (begin < bytes.size()) {
    const auto is_hole = is_zero(bytes.substr(begin, to_page_end(entry.size + begin)));
    auto stop = begin;
    while (stop < bytes.size() && is_zero(bytes.substr(stop, to_page_end(entry.size + stop))) == is_hole)
      stop = std::min(bytes.size(), stop + to_page_end(entry.size + stop));
    if (!is_hole) write_at(file, bytes.substr(begin, stop - begin), entry.size + begin, entry.path);
    begin = stop;
  }
  return end;
}

void TreeWriter::add_file(std::string path, std::string_view bytes, std::int64_t mtime) {
  store::Entry entry;
  entry.path = std::move(path);
  entry.mode = 0644;
  entry.mtime = mtime;
  tree_.make_file(std::move(entry), [&](int file, store::Entry& made) {
    made.size = bytes.size();
    made.content = blake3(bytes);
    write_all(file, bytes, made.path);
  });
}

// A listing knows hard links of regular files only: of links and FIFOs each name is one of its own, which nobody can
// tell from the outside.
void TreeWriter::extract_hardlink(const ArchiveReader& archive, store::Entry entry) {
  const auto* target = find(entry.target);
  if (!target || target->type == store::EntryType::directory || target->type == store::EntryType::whiteout) {
    throw StepError(fmt::format("{}: refused: the hard link \"{}\" points to \"{}\", which is no file of this archive",
                                archive.label(), beginning(entry.path), beginning(entry.target)));
  }
  require_parent(archive, entry.path);
  require_new(archive, entry.path);
  const bool is_file = target->type == store::EntryType::regular || target->type == store::EntryType::hardlink;
  if (is_file) return tree_.link_file(std::move(entry.path), entry.target);
  auto copy = *find(entry.target);
  copy.path = std::move(entry.path);
  copy.type == store::EntryType::symlink ? tree_.make_symlink(std::move(copy)) : tree_.make_fifo(std::move(copy));
}

}  // namespace karapace::trees
