// SPDX-License-Identifier: Apache-2.0
#include "store/tree_copy.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <set>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/entry_metadata.hpp"
#include "store/verify.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t shown_differences = 5;

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool same_metadata(const Entry& a, const Entry& b) {
  return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.mtime == b.mtime && a.nanoseconds == b.nanoseconds &&
         a.xattrs == b.xattrs;
}

bool has_holes(const struct stat& status) noexcept { return status.st_blocks * 512 < status.st_size; }

class Copying final : public TreeSink {
 public:
  Copying(int to, const TreeCopyOptions& options) : to_(to), options_(options) {}

  Fd directory(const Entry& entry) override {
    if (!entry.path.empty() && ::mkdirat(to_, entry.path.c_str(), 0700) != 0) fail("make", entry.path);
    return open_directory(entry.path, O_PATH);
  }

  void other(const Entry& entry, int place) override {
    const auto name = last_name(entry.path);
    if (entry.type == EntryType::whiteout) {
      if (::mknodat(place, name.c_str(), S_IFCHR, 0) != 0) fail("make", entry.path);
      return;
    }
    const bool is_link = entry.type == EntryType::symlink;
    const int result =
        is_link ? ::symlinkat(entry.target.c_str(), place, name.c_str()) : ::mkfifoat(place, name.c_str(), 0600);
    if (result != 0) fail("make", entry.path);
    apply_link_metadata(place, name.c_str(), entry);
  }

  void file(int fd, const struct stat& status, Entry& entry, int place, std::vector<char>& buffer) override {
    const auto name = last_name(entry.path);
    if (linked_to_earlier(fd, status, entry, place, buffer)) return;
    const Fd copy = make(place, name, entry.path);
    auto whole = Transfer{fd, copy.get(), static_cast<std::uint64_t>(status.st_size), entry, buffer};
    if (!reflinked(whole)) has_holes(status) ? copy_with_holes(whole) : copy_bytes(whole, whole.size);
    entry.content = whole.hasher.finish();
    entry.size = whole.done;
    written_ += entry.size;
    apply_metadata(copy.get(), entry);
  }

  /// What can only be done when every name is known.
  void finish(const WalkedTree& tree) {
    for (const auto& name : tree.further_names)
      if (::linkat(to_, name.first.c_str(), to_, name.path.c_str(), 0) != 0) fail("link", name.path);
    const auto& entries = tree.listing.entries();
    // Children before parents: making a child sets its parent's time.
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
      if (entry->type == EntryType::directory) apply_metadata(open_directory(entry->path, O_RDONLY).get(), *entry);
  }

  std::uint64_t written() const noexcept { return written_; }

 private:
  /// The content of one file on its way.
  struct Transfer {
    int from;
    int to;
    std::uint64_t size;
    const Entry& entry;
    std::vector<char>& buffer;
    Blake3 hasher{};
    std::uint64_t done = 0;
  };

  [[noreturn]] void fail(std::string_view verb, const std::string& path) const {
    throw StoreError(
        errno_message(fmt::format("{}: cannot {} \"/{}\"", options_.scan.label, verb, escaped_utf8(path)), errno));
  }

  Fd open_directory(const std::string& path, int flags) const {
    Fd fd = open_beneath(to_, path, flags | O_DIRECTORY);
    if (!fd) fail("open", path);
    return fd;
  }

  Fd make(int place, const std::string& name, const std::string& path) const {
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    Fd fd(::openat(place, name.c_str(), flags, 0600));
    // A file that changed is copied again; what is there may be another name of a file of the earlier tree.
    if (!fd && errno == EEXIST && ::unlinkat(place, name.c_str(), 0) == 0)
      fd = Fd(::openat(place, name.c_str(), flags, 0600));
    if (!fd) fail("make", path);
    return fd;
  }

  std::size_t read(Transfer& transfer, int from, std::uint64_t most) const {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(transfer.buffer.size(), most));
    for (;;) {
      const ssize_t count = ::read(from, transfer.buffer.data(), wanted);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) fail("read", transfer.entry.path);
    }
  }

  /// Stops early at the end of a file that shrank: whoever looks at its size next sees it.
  void copy_bytes(Transfer& transfer, std::uint64_t until) const {
    while (transfer.done < until) {
      const auto count = read(transfer, transfer.from, until - transfer.done);
      if (count == 0) return;
      const std::string_view bytes(transfer.buffer.data(), count);
      transfer.hasher.update(bytes);
      write_all(transfer.to, bytes, transfer.entry.path);
      transfer.done += count;
    }
  }

  void copy_with_holes(Transfer& transfer) const {
    if (::ftruncate(transfer.to, static_cast<off_t>(transfer.size)) != 0) fail("write", transfer.entry.path);
    while (transfer.done < transfer.size) {
      const auto at = static_cast<off_t>(transfer.done);
      const off_t data = ::lseek(transfer.from, at, SEEK_DATA);
      if (data < 0 && errno != ENXIO) fail("read", transfer.entry.path);
      skip(transfer, data < 0 ? transfer.size : std::min(transfer.size, static_cast<std::uint64_t>(data)));
      if (transfer.done == transfer.size) return;
      const off_t hole = ::lseek(transfer.from, data, SEEK_HOLE);
      if (hole < 0 && errno == ENXIO) return;  // it shrank
      if (hole < 0 || ::lseek(transfer.from, data, SEEK_SET) != data || ::lseek(transfer.to, data, SEEK_SET) != data)
        fail("read", transfer.entry.path);
      const auto before = transfer.done;
      copy_bytes(transfer, std::min(transfer.size, static_cast<std::uint64_t>(hole)));
      if (transfer.done == before) return;
    }
  }

  static void skip(Transfer& transfer, std::uint64_t until) {
    if (transfer.done == until) return;
    std::fill(transfer.buffer.begin(), transfer.buffer.end(), '\0');
    while (transfer.done < until) {
      const auto count = std::min<std::uint64_t>(transfer.buffer.size(), until - transfer.done);
      transfer.hasher.update({transfer.buffer.data(), static_cast<std::size_t>(count)});
      transfer.done += count;
    }
  }

  /// Hashes the copy, which stays as it was when it was made, unless nobody writes to the original: that may be in
  /// memory, where the copy is not.
  bool reflinked(Transfer& transfer) {
    if (transfer.size == 0 || !has_reflinks_) return false;
    if (::ioctl(transfer.to, FICLONE, transfer.from) != 0) {
      has_reflinks_ = false;
      return false;
    }
    const int read_from = options_.expected != nullptr ? transfer.from : transfer.to;
    while (const auto count = read(transfer, read_from, transfer.buffer.size())) {
      transfer.hasher.update({transfer.buffer.data(), count});
      transfer.done += count;
    }
    return true;
  }

  bool linked_to_earlier(int fd, const struct stat& status, Entry& entry, int place, std::vector<char>& buffer) {
    const auto* same = earlier_file(entry, static_cast<std::uint64_t>(status.st_size));
    if (same == nullptr) return false;
    Transfer transfer{fd, -1, same->size, entry, buffer};
    while (transfer.done < transfer.size) {
      const auto count = read(transfer, fd, transfer.size - transfer.done);
      if (count == 0) break;
      transfer.hasher.update({buffer.data(), count});
      transfer.done += count;
    }
    if (transfer.hasher.finish() == same->content && link_earlier(*same, entry, place)) {
      entry.size = same->size;
      entry.content = same->content;
      return true;
    }
    if (::lseek(fd, 0, SEEK_SET) != 0) fail("read", entry.path);
    return false;
  }

  /// The file of the earlier tree that is the same but, perhaps, for its content.
  const Entry* earlier_file(const Entry& entry, std::uint64_t size) const {
    if (!options_.earlier) return nullptr;
    const auto& listing = options_.earlier->listing;
    const auto* found = listing.find(entry.path);
    if (found && found->type == EntryType::hardlink) found = listing.find(found->target);
    const bool is_same =
        found && found->type == EntryType::regular && found->size == size && same_metadata(*found, entry);
    return is_same ? found : nullptr;
  }

  /// Once for each file: of names that were linked, some may not be any more.
  bool link_earlier(const Entry& same, const Entry& entry, int place) {
    {
      std::lock_guard guard(mutex_);
      if (!linked_.insert(same.path).second) return false;
    }
    const int tree = options_.earlier->tree;
    struct stat status{};
    const bool is_whole = ::fstatat(tree, same.path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                          S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) == same.size &&
                          status.st_mtim.tv_sec == same.mtime && status.st_mtim.tv_nsec == same.nanoseconds;
    if (!is_whole) return false;
    const auto name = last_name(entry.path);
    if (::linkat(tree, same.path.c_str(), place, name.c_str(), 0) == 0) return true;
    if (errno == EEXIST && ::unlinkat(place, name.c_str(), 0) == 0 &&
        ::linkat(tree, same.path.c_str(), place, name.c_str(), 0) == 0)
      return true;
    // A file can have 65,000 names on ext4.
    if (errno == EMLINK || errno == EXDEV || errno == EPERM) return false;
    fail("link", entry.path);
  }

  int to_;
  const TreeCopyOptions& options_;
  std::atomic<bool> has_reflinks_ = true;
  std::atomic<std::uint64_t> written_ = 0;
  std::mutex mutex_;
  std::set<std::string> linked_;  // files of the earlier tree
};

void require_equal(const Listing& expected, const Listing& found, std::string_view label) {
  const auto paths = differences(expected, found);
  if (paths.empty()) return;
  std::string shown;
  for (std::size_t i = 0; i < std::min(paths.size(), shown_differences); ++i)
    shown += fmt::format("\n  {}: {}", paths[i].path, paths[i].reason);
  throw StoreError(fmt::format("{} is damaged: {} of its {} paths differ from its listing{}", label, paths.size(),
                               expected.entries().size(), shown));
}

}  // namespace

CopiedTree copy_tree(int from, int to, const TreeCopyOptions& options) {
  Copying sink(to, options);
  auto tree = walk_tree(from, options.scan, sink);
  if (options.expected) require_equal(*options.expected, tree.listing, options.scan.label);
  sink.finish(tree);
  return {std::move(tree.listing), sink.written()};
}

}  // namespace karapace::store
