// SPDX-License-Identifier: Apache-2.0
#include "runtime/trees/tree_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "runtime/trees/file_metadata.hpp"
#include "store/file_attributes.hpp"
#include "store/listing.hpp"
#include "store/path_limit.hpp"

namespace karapace::trees {

namespace {

constexpr std::size_t most_implied = 10'000;
constexpr std::uint64_t room_for_headers = std::uint64_t{1} << 30;

// Hard-link groups in canonical form.

/// Takes entries whose hard links name any regular file among them, and gives the listing in which each group's first
/// path is the regular file and all others point to it.
store::Listing canonical_hardlinks(std::vector<store::Entry> entries) {
  std::map<std::string, std::vector<std::size_t>> groups;  // path of the regular file -> its other names
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type == store::EntryType::hardlink) groups[entries[i].target].push_back(i);
  }
  if (groups.empty()) return store::Listing(std::move(entries));
  std::unordered_map<std::string, std::size_t> files;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type == store::EntryType::regular) files.emplace(entries[i].path, i);
  }
  for (auto& [target, names] : groups) {
    names.push_back(files.at(target));
    auto by_path = [&](std::size_t a, std::size_t b) { return entries[a].path < entries[b].path; };
    std::sort(names.begin(), names.end(), by_path);
    store::Entry file = entries[files.at(target)];
    for (std::size_t name : names) {
      store::Entry link;
      link.path = entries[name].path;
      link.type = store::EntryType::hardlink;
      link.target = entries[names.front()].path;
      entries[name] = std::move(link);
    }
    file.path = entries[names.front()].path;
    entries[names.front()] = std::move(file);
  }
  return store::Listing(std::move(entries));
}

std::string_view parent_path(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// A path of an archive in a message: it can be a megabyte of anything.
std::string beginning(std::string_view path) {
  constexpr std::size_t shown = 80;
  return escaped_utf8(path.substr(0, shown)) + (path.size() > shown ? "..." : "");
}

[[noreturn]] void fail_writing(const std::string& path, int errno_value) {
  throw StoreError(errno_message(fmt::format("cannot write \"{}\"", path), errno_value));
}

constexpr std::size_t page = 4096;

std::size_t to_page_end(std::uint64_t offset) { return page - offset % page; }

bool is_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == bytes.npos; }

void write_at(int file, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  if (::lseek(file, static_cast<off_t>(offset), SEEK_SET) < 0) fail_writing(path, errno);
  write_all(file, bytes, path);
}

[[noreturn]] void refuse_attribute(const ArchiveReader& archive, std::string_view path, std::string_view name,
                                   std::string_view reason) {
  throw StepError(fmt::format("{}: refused: the attribute {} of \"{}\" {}", archive.label(), beginning(name),
                              beginning(path), reason));
}

/// As what lies in every layer: capabilities without the id of the namespace in which the archive was made.
std::string plain_value(const ArchiveReader& archive, std::string_view path, std::string_view name, std::string value) {
  if (name != "security.capability") return value;
  auto plain = store::plain_capability(std::move(value));
  if (!plain) refuse_attribute(archive, path, name, "is no capability of version 2 or 3, and no other can be set");
  return std::move(*plain);
}

/// What no file system takes: the kernel's limits, xattr(7).
void require_settable(const ArchiveReader& archive, std::string_view path, std::string_view name, std::size_t size) {
  constexpr std::size_t longest_name = 255, longest_value = 65'536;
  if (name == "user.") refuse_attribute(archive, path, name, "has no name");
  if (name.size() > longest_name) refuse_attribute(archive, path, name, "has a name of more than 255 bytes");
  if (size > longest_value) refuse_attribute(archive, path, name, "has a value of more than 64 KiB");
}

std::vector<store::Xattr> all_xattrs(archive_entry* header) {
  std::vector<store::Xattr> xattrs;
  archive_entry_xattr_reset(header);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(header, &name, &value, &size) == ARCHIVE_OK)
    xattrs.push_back({name, std::string(static_cast<const char*>(value), size)});
  return xattrs;
}

/// The others belong to the machine that the archive was made on (SELinux labels, overlay bookkeeping).
bool is_a_files_own(std::string_view name) {
  return (name == "security.capability" || name.starts_with("user.")) && !store::is_bookkeeping(name);
}

/// Marks that an overlay inside has, as the kernel puts them away, mean nothing to the one that has the layer.
bool is_of_changes(std::string_view name) {
  return is_a_files_own(name) || name.starts_with("user.overlay.overlay.") || store::put_away_acl(name) != nullptr;
}

void require_of_changes(const ArchiveReader& archive, const store::Entry& entry, const store::Xattr& xattr) {
  if (!is_of_changes(xattr.name)) refuse_attribute(archive, entry.path, xattr.name, "is none that a layer holds");
  if (store::put_away_acl(xattr.name) == nullptr) return;
  if (auto complaint = store::acl_complaint(xattr.name, xattr.value, entry.mode))
    refuse_attribute(archive, entry.path, xattr.name, *complaint);
}

/// Those that a layer holds, as it holds them.
std::vector<store::Xattr> layer_xattrs(const ArchiveReader& archive, std::string_view path,
                                       std::vector<store::Xattr> xattrs) {
  for (auto& [name, value] : xattrs) {
    require_settable(archive, path, name, value.size());
    value = plain_value(archive, path, name, std::move(value));
  }
  std::sort(xattrs.begin(), xattrs.end());
  // bsdtar writes each twice, in its own way and in star's.
  xattrs.erase(std::unique(xattrs.begin(), xattrs.end()), xattrs.end());
  const auto same_name = [](const auto& a, const auto& b) { return a.name == b.name; };
  if (auto twice = std::adjacent_find(xattrs.begin(), xattrs.end(), same_name); twice != xattrs.end())
    refuse_attribute(archive, path, twice->name, "has two values");
  return xattrs;
}

/// chown(2) takes the last number as "leave it as it is".
std::uint32_t id_of(std::int64_t id, const ArchiveReader& archive, std::string_view path) {
  constexpr std::int64_t last = store::largest_id;
  if (id >= 0 && id <= last) return static_cast<std::uint32_t>(id);
  throw StepError(
      fmt::format("{}: refused: the owner or the group of \"{}\" is {}, which no file can have ({} is the last)",
                  archive.label(), beginning(path), id, last));
}

OwnersByName names_of(archive_entry* header) {
  const char* user = archive_entry_uname(header);
  const char* group = archive_entry_gname(header);
  return {user ? user : "", group ? group : ""};
}

store::Entry entry_of(const ArchiveReader& archive, archive_entry* header, std::string path) {
  store::Entry entry;
  entry.mode = static_cast<std::uint32_t>(archive_entry_perm(header));
  entry.uid = id_of(archive_entry_uid(header), archive, path);
  entry.gid = id_of(archive_entry_gid(header), archive, path);
  entry.mtime = nearest_time(archive_entry_mtime(header));
  entry.path = std::move(path);
  return entry;
}

}  // namespace

TreeWriter::TreeWriter(int directory, TreeWriterOptions options) : directory_(directory), options_(options) {
  store::Entry root;
  root.type = store::EntryType::directory;
  root.mode = 0755;
  remember(std::move(root));
}

store::Entry& TreeWriter::remember(store::Entry entry) {
  index_[entry.path] = entries_.size();
  return entries_.emplace_back(std::move(entry));
}

const store::Entry* TreeWriter::find(std::string_view path) const {
  auto found = index_.find(std::string(path));
  return found == index_.end() ? nullptr : &entries_[found->second];
}

int TreeWriter::parent_of(const std::string& path) {
  auto parent = parent_path(path);
  if (parent.empty()) return directory_;
  if (!parent_ || parent_path_ != parent) {
    parent_ = open_at(directory_, std::string(parent), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    parent_path_ = parent;
  }
  return parent_.get();
}

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
    for (const auto& xattr : xattrs) require_of_changes(archive, entry, xattr);
  }
  entry.xattrs = layer_xattrs(archive, entry.path, std::move(xattrs));
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
    add_directory(parent, 0755, 0);
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

// symlink(2) would refuse these, too, but name neither the archive nor the way out.
void TreeWriter::require_target(const ArchiveReader& archive, const store::Entry& link) {
  constexpr std::size_t longest_target = 4095;  // PATH_MAX without the NUL
  if (link.target.empty())
    throw StepError(fmt::format("{}: refused: the link \"{}\" leads nowhere: its target is empty", archive.label(),
                                beginning(link.path)));
  if (link.target.size() > longest_target)
    throw StepError(fmt::format("{}: refused: the target of the link \"{}\" is longer than {} bytes", archive.label(),
                                beginning(link.path), longest_target));
}

void TreeWriter::extract(ArchiveReader& archive, std::string_view prefix, const Seen& seen) {
  while (archive_entry* header = archive.next()) {
    const char* name = archive_entry_pathname(header);
    if (!name) throw StepError(fmt::format("{}: refused: an entry without a name", archive.label()));
    require_length(archive);
    auto entry = entry_of(archive, header, relative_path(archive, name, prefix));
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
      return extract_symlink(std::move(entry));
    case AE_IFIFO:
      require_parent(archive, entry.path);
      require_new(archive, entry.path);
      return extract_fifo(std::move(entry));
    case AE_IFCHR:
      if (!holds_changes() || archive_entry_rdev(header) != 0) break;
      require_parent(archive, entry.path);
      require_new(archive, entry.path);
      return extract_whiteout(std::move(entry));
    default: break;
  }
  bool below_dev = entry.path.starts_with("dev/");
  if (options_.devices == DeviceNodes::leave_out_below_dev && below_dev) return;
  throw StepError(
      fmt::format("{}: refused: \"{}\" is a device node or a socket", archive.label(), beginning(entry.path)));
}

void TreeWriter::extract_directory(const ArchiveReader& archive, store::Entry entry) {
  entry.type = store::EntryType::directory;
  const auto* known = find(entry.path);
  if (known && known->type != store::EntryType::directory) require_new(archive, entry.path);
  if (!known) {
    require_parent(archive, entry.path);
    std::string name(base_name(entry.path));
    if (::mkdirat(parent_of(entry.path), name.c_str(), 0700) != 0) fail_writing(entry.path, errno);
    remember(std::move(entry));
    return;
  }
  if (holds_changes() && !entry.path.empty()) require_new(archive, entry.path);
  entries_[index_.at(entry.path)] = std::move(entry);
}

void TreeWriter::add_directory(std::string path, unsigned mode, std::int64_t mtime) {
  std::string name(base_name(path));
  if (::mkdirat(parent_of(path), name.c_str(), 0700) != 0) fail_writing(path, errno);
  store::Entry entry;
  entry.path = std::move(path);
  entry.type = store::EntryType::directory;
  entry.mode = mode;
  entry.mtime = mtime;
  remember(std::move(entry));
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
  entry.type = store::EntryType::regular;
  require_parent(archive, entry.path);
  require_new(archive, entry.path);
  if (written_ > options_.byte_limit || size > options_.byte_limit - written_) refuse_length(archive);
  std::string name(base_name(entry.path));
  auto file = open_at(parent_of(entry.path), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  Blake3 hasher;
  const auto append = [&](std::size_t count) {
    count_bytes(archive, count);
    const std::string_view bytes(buffer_.data(), count);
    hasher.update(bytes);
    entry.size = append_bytes(file.get(), bytes, entry);
  };
  while (std::size_t count = archive.read(buffer_)) append(count);
  // libarchive gives zeros for the holes of a sparse file, but not for one at its end.
  if (entry.size < size) std::fill(buffer_.begin(), buffer_.end(), '\0');
  while (entry.size < size) append(std::min<std::uint64_t>(buffer_.size(), size - entry.size));
  entry.content = hasher.finish();
  if (holds_changes() && ::ftruncate(file.get(), static_cast<off_t>(entry.size)) != 0) fail_writing(entry.path, errno);
  apply_metadata(file.get(), entry);
  remember(std::move(entry));
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
  std::string name(base_name(path));
  auto file = open_at(parent_of(path), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  store::Entry entry;
  entry.path = std::move(path);
  entry.type = store::EntryType::regular;
  entry.mode = 0644;
  entry.mtime = mtime;
  entry.size = bytes.size();
  entry.content = blake3(bytes);
  write_all(file.get(), bytes, entry.path);
  apply_metadata(file.get(), entry);
  remember(std::move(entry));
}

void TreeWriter::extract_symlink(store::Entry entry) {
  entry.type = store::EntryType::symlink;
  entry.mode = 0777;
  entry.xattrs.clear();
  std::string name(base_name(entry.path));
  int parent = parent_of(entry.path);
  if (::symlinkat(entry.target.c_str(), parent, name.c_str()) != 0) fail_writing(entry.path, errno);
  apply_link_metadata(parent, name.c_str(), entry);
  remember(std::move(entry));
}

void TreeWriter::extract_whiteout(store::Entry entry) {
  store::Entry whiteout;
  whiteout.path = std::move(entry.path);
  whiteout.type = store::EntryType::whiteout;
  std::string name(base_name(whiteout.path));
  if (::mknodat(parent_of(whiteout.path), name.c_str(), S_IFCHR, 0) != 0) fail_writing(whiteout.path, errno);
  remember(std::move(whiteout));
}

void TreeWriter::extract_fifo(store::Entry entry) {
  entry.type = store::EntryType::fifo;
  entry.xattrs.clear();
  std::string name(base_name(entry.path));
  int parent = parent_of(entry.path);
  if (::mkfifoat(parent, name.c_str(), 0600) != 0) fail_writing(entry.path, errno);
  apply_link_metadata(parent, name.c_str(), entry);
  remember(std::move(entry));
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
  if (is_file) return link_file(std::move(entry));
  auto copy = *find(entry.target);
  copy.path = std::move(entry.path);
  if (copy.type == store::EntryType::symlink) return extract_symlink(std::move(copy));
  extract_fifo(std::move(copy));
}

void TreeWriter::link_file(store::Entry entry) {
  if (const auto* target = find(entry.target); target->type == store::EntryType::hardlink)
    entry.target = target->target;
  std::string name(base_name(entry.path));
  if (::linkat(directory_, entry.target.c_str(), parent_of(entry.path), name.c_str(), 0) != 0) {
    fail_writing(entry.path, errno);
  }
  entry.type = store::EntryType::hardlink;
  entry.xattrs.clear();
  remember(std::move(entry));
}

store::Listing TreeWriter::finish() {
  parent_.reset();
  // Children before parents: making or changing a child no longer touches its parent's time then.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->type != store::EntryType::directory) continue;
    auto directory = open_at(directory_, entry->path.empty() ? "." : entry->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    apply_metadata(directory.get(), *entry);
  }
  return canonical_hardlinks(std::move(entries_));
}

}  // namespace karapace::trees
