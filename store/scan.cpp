// SPDX-License-Identifier: Apache-2.0
// Scanning a tree: threads take directories from a common list; each opens its directory below the tree's root without
// following links, turns every name in it into an entry (hashing files on the way), and puts subdirectories back on the
// list. Hard-link groups are put together at the end, when all names are known; a group's content is read once, by
// whoever meets its first name. The order in which the kernel or the threads deliver names does not matter: the
// listing sorts.
#include "store/scan.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <dirent.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/file_attributes.hpp"
#include "store/listing.hpp"
#include "store/path_limit.hpp"

namespace karapace::store {

namespace {

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
  std::size_t entry = 0;  // index in the entries of its part
};

/// What one thread found.
struct Part {
  std::vector<Entry> entries;
  std::vector<Name> names;
};

/// Opens a path below `directory` without following links.
Fd open_beneath(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
    if (fd || (errno != EINTR && errno != EAGAIN)) return fd;
  }
}

class Scan {
 public:
  Scan(int tree, const ScanOptions& options) : tree_(tree), options_(options), directories_{""} {}

  Listing run() {
    unsigned count = std::max(1u, options_.threads);
    std::vector<Part> parts(count);
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 1; i < count; ++i) threads.emplace_back([this, &part = parts[i]] { work(part); });
      work(parts[0]);
    }
    if (failure_) std::rethrow_exception(failure_);
    return join(parts);
  }

 private:
  std::string_view label() const { return options_.label.empty() ? "scan" : std::string_view(options_.label); }

  [[noreturn]] void fail(std::string_view verb, std::string_view path, int errno_value) const {
    auto what = fmt::format("{}: cannot {} \"/{}\"", label(), verb, escaped_utf8(path));
    throw CallError(what, errno_value);
  }

  std::string label(std::string_view path) const { return fmt::format("{}: \"/{}\"", label(), escaped_utf8(path)); }

  /// Takes directories until none is left and nobody works on one that could bring more.
  void work(Part& part) {
    std::vector<char> buffer(256 * 1024);
    while (auto path = take()) {
      try {
        scan_directory(*path, part, buffer);
      } catch (...) {
        std::lock_guard guard(mutex_);
        if (!failure_) failure_ = std::current_exception();
        directories_.clear();
      }
      std::lock_guard guard(mutex_);
      if (--working_ == 0) changed_.notify_all();
    }
  }

  std::optional<std::string> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !directories_.empty() || working_ == 0 || failure_; });
    if (directories_.empty() || failure_) return std::nullopt;
    auto path = std::move(directories_.back());
    directories_.pop_back();
    ++working_;
    return path;
  }

  void put(std::vector<std::string>& found) {
    if (found.empty()) return;
    std::lock_guard guard(mutex_);
    if (failure_) return;
    std::move(found.begin(), found.end(), std::back_inserter(directories_));
    changed_.notify_all();
  }

  Fd open_directory(const std::string& path) const {
    constexpr int flags = O_RDONLY | O_DIRECTORY;
    if (path.empty()) return open_at(tree_, ".", flags);
    Fd directory = open_beneath(tree_, path, flags);
    if (!directory) fail("open", path, errno);
    return directory;
  }

  void scan_directory(const std::string& path, Part& part, std::vector<char>& buffer) {
    Fd fd = open_directory(path);
    Directory directory(::fdopendir(fd.get()));
    if (!directory) fail("read", path, errno);
    int at = fd.release();
    std::size_t own = part.entries.size();
    part.entries.push_back(directory_entry(at, path));
    std::vector<std::string> subdirectories;
    for (;;) {
      errno = 0;
      const dirent* found = ::readdir(directory.get());
      if (found == nullptr && errno != 0) fail("read", path, errno);
      if (found == nullptr) break;
      std::string_view name = found->d_name;
      if (name == "." || name == "..") continue;
      if (name == fuse_opaque_name) {
        part.entries[own].opaque = true;
        continue;
      }
      std::string child = path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
      if (options_.include && !options_.include(child)) continue;
      if (auto complaint = length_complaint(child)) throw StoreError(fmt::format("{}: {}", label(), *complaint));
      if (scan_name(at, found->d_name, child, part, buffer)) subdirectories.push_back(std::move(child));
    }
    put(subdirectories);
  }

  Entry directory_entry(int fd, const std::string& path) const {
    struct stat status{};
    if (::fstat(fd, &status) != 0) fail("read", path, errno);
    Entry entry = common(path, EntryType::directory, status);
    take_attributes(fd, entry);
    return entry;
  }

  Entry common(const std::string& path, EntryType type, const struct stat& status) const {
    Entry entry;
    entry.path = path;
    entry.type = type;
    entry.mode = status.st_mode & 07777;
    if (options_.owners == Owners::from_disk) {
      entry.uid = status.st_uid;
      entry.gid = status.st_gid;
    }
    entry.mtime = status.st_mtim.tv_sec;
    return entry;
  }

  void take_attributes(int fd, Entry& entry) const {
    FileAttributes attributes;
    try {
      attributes = read_file_attributes(fd);
    } catch (const CallError&) {
      throw;
    } catch (const StoreError& error) {
      throw StoreError(fmt::format("{}: {}", label(entry.path), error.what()));
    }
    entry.xattrs = std::move(attributes.xattrs);
    entry.opaque = attributes.opaque;
    if (!attributes.owner) return;
    entry.uid = attributes.owner->uid;
    entry.gid = attributes.owner->gid;
  }

  /// True when it is a directory, which is left for later.
  bool scan_name(int at, const char* name, const std::string& path, Part& part, std::vector<char>& buffer) {
    struct stat status{};
    if (::fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0) fail("read", path, errno);
    if (S_ISDIR(status.st_mode)) return true;
    if (S_ISSOCK(status.st_mode)) return false;
    if (S_ISREG(status.st_mode)) {
      scan_file(at, name, path, part, buffer);
      return false;
    }
    if (S_ISLNK(status.st_mode)) {
      part.entries.push_back(common(path, EntryType::symlink, status));
      part.entries.back().target = link_target(at, name, path);
    } else if (S_ISFIFO(status.st_mode)) {
      part.entries.push_back(common(path, EntryType::fifo, status));
    } else if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)) {
      part.entries.push_back(common(path, EntryType::whiteout, status));
    } else {
      throw StoreError(fmt::format("{} is a device node; a layer can not hold one: remove it", label(path)));
    }
    return false;
  }

  std::string link_target(int at, const char* name, const std::string& path) const {
    std::string target(256, '\0');
    for (;;) {
      ssize_t count = ::readlinkat(at, name, target.data(), target.size());
      if (count < 0) fail("read", path, errno);
      if (static_cast<std::size_t>(count) < target.size()) {
        target.resize(static_cast<std::size_t>(count));
        return target;
      }
      target.resize(2 * target.size());
    }
  }

  void scan_file(int at, const char* name, const std::string& path, Part& part, std::vector<char>& buffer) {
    Fd fd(::openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) fail("open", path, errno);
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) fail("read", path, errno);
    if (!S_ISREG(status.st_mode))
      throw StoreError(label(path) + " changed while it was read; stop its writer and try again");
    Entry entry = common(path, EntryType::regular, status);
    bool read = true;
    if (status.st_nlink > 1) {
      Inode inode{status.st_dev, status.st_ino};
      part.names.push_back({inode, part.entries.size()});
      read = first_name(inode);
    }
    if (read) {
      take_attributes(fd.get(), entry);
      hash(fd.get(), status, entry, buffer);
    } else {
      entry.type = EntryType::hardlink;  // until `join` knows which name sorts first
    }
    part.entries.push_back(std::move(entry));
  }

  bool first_name(const Inode& inode) {
    std::lock_guard guard(mutex_);
    return inodes_.insert(inode).second;
  }

  void hash(int fd, const struct stat& status, Entry& entry, std::vector<char>& buffer) const {
    Blake3 hasher;
    auto size = static_cast<std::uint64_t>(status.st_size);
    while (entry.size < size) {
      ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("read", entry.path, errno);
      if (count == 0) throw StoreError(label(entry.path) + " changed while it was read; stop its writer and try again");
      hasher.update({buffer.data(), static_cast<std::size_t>(count)});
      entry.size += static_cast<std::uint64_t>(count);
    }
    entry.content = hasher.finish();
  }

  static Listing join(std::vector<Part>& parts) {
    std::size_t total = 0;
    for (const auto& part : parts) total += part.entries.size();
    std::map<Inode, std::vector<Entry*>> groups;
    for (auto& part : parts) {
      for (const auto& name : part.names) groups[name.inode].push_back(&part.entries[name.entry]);
    }
    for (auto& [inode, names] : groups) link_names(names);
    std::vector<Entry> entries = std::move(parts[0].entries);
    entries.reserve(total);
    for (std::size_t i = 1; i < parts.size(); ++i) {
      std::move(parts[i].entries.begin(), parts[i].entries.end(), std::back_inserter(entries));
    }
    return Listing(std::move(entries));
  }

  /// Gives the content to the name that sorts first; the others become links to it.
  static void link_names(std::vector<Entry*>& names) {
    std::sort(names.begin(), names.end(), [](const Entry* a, const Entry* b) { return a->path < b->path; });
    auto was_read = std::find_if(names.begin(), names.end(), [](auto* e) { return e->type == EntryType::regular; });
    if (*was_read != names.front()) {
      std::swap(**was_read, *names.front());
      std::swap((*was_read)->path, names.front()->path);
    }
    for (std::size_t i = 1; i < names.size(); ++i) names[i]->target = names.front()->path;
  }

  int tree_;
  const ScanOptions& options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> directories_;  // still to be read
  std::set<Inode> inodes_;                // of files with several names, whose content somebody reads
  unsigned working_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

Listing scan(int tree, const ScanOptions& options) { return Scan(tree, options).run(); }

}  // namespace karapace::store
