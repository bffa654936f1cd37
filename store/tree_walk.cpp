// SPDX-License-Identifier: Apache-2.0
// Threads take directories from a common list; each opens its directory below the tree's root without following links,
// turns every name in it into an entry (the sink reads files on the way), and puts subdirectories back on the list.
// Hard-link groups are put together at the end, when all names are known; a group's content is read once, by whoever
// meets its first name. The order in which the kernel or the threads deliver names does not matter: the listing sorts.
#include "store/tree_walk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/work_list.hpp"
#include "store/file_attributes.hpp"
#include "store/path_limit.hpp"

namespace karapace::store {

namespace {

constexpr int most_readings = 3;  // of a file that changes each time
constexpr off_t most_holes = off_t{16} << 30;

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

struct Inode {
  dev_t device = 0;
  ino_t number = 0;
  auto operator<=>(const Inode&) const = default;
};

/// One name of a file that has several.
struct Name {
  Inode inode;
  NamedFile file;
  std::size_t entry = 0;  // index in the entries of its part
};

/// The same, in the entries of all.
struct GroupedName {
  Entry* entry;
  const NamedFile* file;
};

/// What one thread found.
struct Part {
  std::vector<Entry> entries;
  std::vector<Name> names;
  std::vector<char> buffer = std::vector<char>(256 * 1024);
};

/// The directory that a thread is in: its own descriptor, and what the sink made of it.
struct Here {
  int fd;
  int place;
};

class Walk {
 public:
  Walk(int tree, const ScanOptions& options, TreeSink& sink) : tree_(tree), options_(options), sink_(sink) {}

  WalkedTree run() {
    const unsigned count = std::max(1u, options_.threads);
    std::vector<Part> parts(count);
    directories_.run(count, [&](std::string& path, unsigned thread) { scan_directory(path, parts[thread]); });
    return join(parts);
  }

 private:
  std::string_view label() const { return options_.label.empty() ? "scan" : std::string_view(options_.label); }

  std::string label(std::string_view path) const { return fmt::format("{}: \"/{}\"", label(), escaped_utf8(path)); }

  [[noreturn]] void fail(std::string_view verb, std::string_view path, int errno_value) const {
    if (errno_value == ENOENT) fail_as_changed(path);
    auto what = fmt::format("{}: cannot {} \"/{}\"", label(), verb, escaped_utf8(path));
    throw CallError(what, errno_value);
  }

  [[noreturn]] void fail_as_changed(std::string_view path) const {
    throw StoreError(label(path) + " changed while it was read; stop its writer and try again");
  }

  Fd open_directory(const std::string& path) const {
    Fd directory = open_beneath(tree_, path, O_RDONLY | O_DIRECTORY);
    if (!directory) fail("open", path, errno);
    return directory;
  }

  void scan_directory(const std::string& path, Part& part) {
    Fd fd = open_directory(path);
    Directory directory(::fdopendir(fd.get()));
    if (!directory) fail("read", path, errno);
    const int at = fd.release();
    part.entries.push_back(directory_entry(at, path));
    const Fd place = sink_.directory(part.entries.back());
    std::vector<std::string> subdirectories;
    for (;;) {
      errno = 0;
      const dirent* found = ::readdir(directory.get());
      if (found == nullptr && errno != 0) fail("read", path, errno);
      if (found == nullptr) break;
      const std::string_view name = found->d_name;
      if (name == "." || name == "..") continue;
      std::string child = path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
      if (options_.include && !options_.include(child)) continue;
      if (auto complaint = length_complaint(child)) throw StoreError(fmt::format("{}: {}", label(), *complaint));
      if (scan_name({at, place.get()}, found->d_name, child, part)) subdirectories.push_back(std::move(child));
    }
    directories_.add(std::move(subdirectories));
  }

  Entry directory_entry(int fd, const std::string& path) const {
    struct stat status{};
    if (::fstat(fd, &status) != 0) fail("read", path, errno);
    Entry entry = entry_of(path, EntryType::directory, status, options_);
    take_attributes(fd, entry, options_, label());
    return entry;
  }

  /// True when it is a directory, which is left for later.
  bool scan_name(const Here& here, const char* name, const std::string& path, Part& part) {
    struct stat status{};
    if (::fstatat(here.fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) fail("read", path, errno);
    if (S_ISSOCK(status.st_mode)) {
      if (options_.left_out) options_.left_out(path);
      return false;
    }
    const auto type = type_of(status);
    if (!type) throw StoreError(fmt::format("{} is a device node; a layer can not hold one: remove it", label(path)));
    if (type == EntryType::directory) return true;
    if (type == EntryType::regular) {
      scan_file(here, name, path, part);
      return false;
    }
    Entry entry = entry_of(path, *type, status, options_);
    if (type == EntryType::symlink) {
      auto target = link_target(here.fd, name);
      if (!target) fail("read", path, errno);
      entry.target = std::move(*target);
    }
    sink_.other(entry, here.place);
    part.entries.push_back(std::move(entry));
    return false;
  }

  void scan_file(const Here& here, const char* name, const std::string& path, Part& part) {
    Fd fd(::openat(here.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) fail("open", path, errno);
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) fail("read", path, errno);
    if (!S_ISREG(status.st_mode)) fail_as_changed(path);
    if (options_.records == Records::of_sessions) require_few_holes(fd.get(), status, path);
    const Inode inode{status.st_dev, status.st_ino};
    const bool has_others = status.st_nlink > 1;
    Entry entry;
    if (!has_others || first_name(inode)) {
      entry = read_file(fd.get(), here, path, status, part);
    } else {
      entry = entry_of(path, EntryType::regular, status, options_);
      entry.type = EntryType::hardlink;  // until `join` knows which name sorts first
    }
    if (has_others) part.names.push_back({inode, NamedFile(fd.get(), status), part.entries.size()});
    part.entries.push_back(std::move(entry));
  }

  void require_few_holes(int fd, const struct stat& status, const std::string& path) const {
    if (status.st_size - status.st_blocks * 512 <= most_holes) return;
    // A file system that compresses counts fewer blocks than there are.
    off_t holes = 0;
    for (off_t at = 0; at < status.st_size;) {
      off_t data = ::lseek(fd, at, SEEK_DATA);
      if (data < 0 && errno != ENXIO) fail("read", path, errno);
      if (data < 0 || data > status.st_size) data = status.st_size;
      holes += data - at;
      if (data == status.st_size) break;
      at = ::lseek(fd, data, SEEK_HOLE);
      if (at < 0) fail("read", path, errno);
    }
    if (holes > most_holes)
      throw StoreError(fmt::format("{} has holes of {} GiB, and what is kept may have {}: remove it or make it shorter",
                                   label(path), holes >> 30, most_holes >> 30));
  }

  /// `after` is as it was when all had been read.
  Entry read_file(int fd, const Here& here, const std::string& path, struct stat& after, Part& part) {
    for (int reading = 0; reading < most_readings; ++reading) {
      struct stat before{};
      if (::lseek(fd, 0, SEEK_SET) != 0 || ::fstat(fd, &before) != 0) fail("read", path, errno);
      Entry entry = entry_of(path, EntryType::regular, before, options_);
      take_attributes(fd, entry, options_, label());
      sink_.file(fd, before, entry, here.place, part.buffer);
      if (::fstat(fd, &after) != 0) fail("read", path, errno);
      if (unchanged(before, after)) return entry;
    }
    fail_as_changed(path);
  }

  bool first_name(const Inode& inode) {
    std::lock_guard guard(mutex_);
    return inodes_.insert(inode).second;
  }

  WalkedTree join(std::vector<Part>& parts) const {
    std::size_t total = 0;
    for (const auto& part : parts) total += part.entries.size();
    std::map<Inode, std::vector<GroupedName>> groups;
    for (auto& part : parts) {
      for (const auto& name : part.names) groups[name.inode].push_back({&part.entries[name.entry], &name.file});
    }
    std::vector<FurtherName> further;
    for (auto& [inode, names] : groups) link_names(names, further);
    std::vector<Entry> entries = std::move(parts[0].entries);
    entries.reserve(total);
    for (std::size_t i = 1; i < parts.size(); ++i) {
      std::move(parts[i].entries.begin(), parts[i].entries.end(), std::back_inserter(entries));
    }
    return {Listing(std::move(entries)), std::move(further)};
  }

  /// Gives the content to the name that sorts first; the others become links to it.
  void link_names(std::vector<GroupedName>& names, std::vector<FurtherName>& further) const {
    std::sort(names.begin(), names.end(),
              [](const GroupedName& a, const GroupedName& b) { return a.entry->path < b.entry->path; });
    const auto was_read = *std::find_if(names.begin(), names.end(),
                                        [](const GroupedName& name) { return name.entry->type == EntryType::regular; });
    for (const auto& name : names) {
      if (!name.file->is(*was_read.file)) fail_as_changed(name.entry->path);
      if (name.entry != was_read.entry) further.push_back({was_read.entry->path, name.entry->path});
    }
    Entry& first = *names.front().entry;
    if (was_read.entry != &first) {
      std::swap(*was_read.entry, first);
      std::swap(was_read.entry->path, first.path);
    }
    for (std::size_t i = 1; i < names.size(); ++i) names[i].entry->target = first.path;
  }

  int tree_;
  const ScanOptions& options_;
  TreeSink& sink_;
  WorkList<std::string> directories_{""};
  std::mutex mutex_;
  std::set<Inode> inodes_;  // of files with several names, whose content somebody reads
};

}  // namespace

bool unchanged(const struct stat& before, const struct stat& after) noexcept {
  const auto same = [](const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; };
  return before.st_size == after.st_size && same(before.st_mtim, after.st_mtim) && same(before.st_ctim, after.st_ctim);
}

NamedFile::NamedFile(int fd, const struct stat& status) : status_(status) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
  auto* handle = reinterpret_cast<file_handle*>(room.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(fd, "", handle, &mount, AT_EMPTY_PATH) == 0)
    handle_.assign(room.data() + sizeof(file_handle), handle->handle_bytes);
}

Fd open_beneath(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (;;) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how)));
    if (fd || (errno != EINTR && errno != EAGAIN)) return fd;
  }
}

Entry entry_of(const std::string& path, EntryType type, const struct stat& status, const ScanOptions& options) {
  Entry entry;
  entry.path = path;
  entry.type = type;
  if (type == EntryType::whiteout) return entry;
  entry.mode = status.st_mode & 07777;
  if (options.owners == Owners::from_disk) {
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
  }
  entry.mtime = status.st_mtim.tv_sec;
  if (options.times == Times::nanoseconds) entry.nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
  return entry;
}

namespace {

/// Whether the record of an owner at a file is one of ours. Our own of an id that is not mapped stands at what belongs
/// to 0:0, which chown(2) could not give away.
bool is_believed(const Owner& owner, const Entry& entry, const ScanOptions& options) {
  if (options.records == Records::of_karapace || options.owners == Owners::ignore) return true;
  return entry.uid == 0 && entry.gid == 0 && !is_mapped(owner);
}

bool is_believed(const Xattr& acl, const Entry& entry, const ScanOptions& options) {
  if (options.records == Records::of_karapace) return true;
  const auto same_name = [&](const Xattr& xattr) { return xattr.name == acl.name; };
  if (std::any_of(entry.xattrs.begin(), entry.xattrs.end(), same_name) || !is_acl(acl.value)) return false;
  return options.owners == Owners::ignore || names_unmapped_id(acl.value);
}

}  // namespace

void take_attributes(int fd, Entry& entry, const ScanOptions& options, std::string_view label) {
  FileAttributes attributes;
  try {
    attributes = read_file_attributes(fd);
  } catch (const CallError& error) {
    throw CallError(fmt::format("{}: \"/{}\": an attribute", label, escaped_utf8(entry.path)), error.number());
  } catch (const StoreError& error) {
    throw StoreError(fmt::format("{}: \"/{}\": {}", label, escaped_utf8(entry.path), error.what()));
  }
  entry.xattrs = std::move(attributes.xattrs);
  entry.opaque = attributes.opaque && entry.type == EntryType::directory;
  for (auto& acl : attributes.put_away_acls)
    if (is_believed(acl, entry, options)) entry.xattrs.push_back(std::move(acl));
  std::sort(entry.xattrs.begin(), entry.xattrs.end());
  if (!attributes.owner) return;
  const auto owner = Owner::parse(*attributes.owner);
  if (!owner && options.records == Records::of_karapace)
    throw StoreError(
        fmt::format("{}: \"/{}\": its attribute {} is not \"uid:gid\"", label, escaped_utf8(entry.path), owner_xattr));
  if (!owner && options.owners == Owners::ignore && options.no_owner) options.no_owner(entry.path);
  if (!owner || !is_believed(*owner, entry, options)) return;
  entry.uid = owner->uid;
  entry.gid = owner->gid;
}

std::optional<std::string> link_target(int directory, const char* name) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t count = ::readlinkat(directory, name, target.data(), target.size());
    if (count < 0) return std::nullopt;
    if (static_cast<std::size_t>(count) < target.size()) {
      target.resize(static_cast<std::size_t>(count));
      return target;
    }
    target.resize(2 * target.size());
  }
}

std::optional<EntryType> type_of(const struct stat& status) noexcept {
  if (S_ISDIR(status.st_mode)) return EntryType::directory;
  if (S_ISREG(status.st_mode)) return EntryType::regular;
  if (S_ISLNK(status.st_mode)) return EntryType::symlink;
  if (S_ISFIFO(status.st_mode)) return EntryType::fifo;
  if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)) return EntryType::whiteout;
  return std::nullopt;
}

WalkedTree walk_tree(int tree, const ScanOptions& options, TreeSink& sink) { return Walk(tree, options, sink).run(); }

}  // namespace karapace::store
