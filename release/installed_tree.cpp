// SPDX-License-Identifier: Apache-2.0
#include "release/installed_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "store/entry_metadata.hpp"
#include "store/scan.hpp"
#include "store/verified_content.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;
using store::Entry;
using store::EntryType;

constexpr std::uint32_t kept_mode = 0555;
/// Forcing so many files to the disk one by one takes less time than whatever else the file system has to write may.
constexpr std::size_t few = 128;

class Writing {
 public:
  Writing(const store::Store& store, const LayerId& layer, const TreePlace& place)
      : from_path_(store.layer_tree(layer)),
        listing_(store.listing(layer)),
        place_(place),
        from_(open_at(AT_FDCWD, from_path_, O_RDONLY | O_DIRECTORY)) {}

  WrittenTree write(unsigned threads) {
    if (::mkdir(place_.directory.c_str(), 0777) != 0) fail(listing_.entries().front());
    to_ = open_at(AT_FDCWD, place_.directory, O_RDONLY | O_DIRECTORY);
    std::vector<const Entry*> files;
    std::size_t directories = 0;
    for (const auto& entry : listing_.entries()) directories += entry.type == EntryType::directory ? 1 : 0;
    for (const auto& entry : listing_.entries()) {
      if (entry.type == EntryType::regular)
        files.push_back(&entry);
      else if (entry.type != EntryType::hardlink)
        write_other(entry);
    }
    sync_each_ = files.size() + directories <= few;
    for_each_index(files.size(), threads, [&](std::size_t i) { write_file(*files[i], *files[i]); });
    for (const auto& entry : listing_.entries())
      if (entry.type == EntryType::hardlink) write_further_name(entry);
    finish_directories();
    if (!sync_each_ && ::syncfs(to_.get()) != 0) fail(listing_.entries().front());
    WrittenTree written{.files = files.size()};
    for (const auto* file : files) written.bytes += file->size;
    return written;
  }

 private:
  [[noreturn]] void fail(const Entry& entry) const {
    const int error = errno;
    throw StoreError(errno_message(fmt::format("release: cannot write {}", told(place_.name / entry.path)), error));
  }

  static std::string told(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

  void write_other(const Entry& entry) const {
    const auto* path = entry.path.c_str();
    if (entry.type == EntryType::directory) {
      if (!entry.path.empty() && ::mkdirat(to_.get(), path, 0755) != 0) fail(entry);
      return;
    }
    if (entry.type != EntryType::symlink)
      throw StoreError(
          fmt::format("release: \"{}\" of the package can not be installed: it is no file, link or directory; "
                      "remove it at the end of the package's build",
                      escaped_utf8(entry.path)));
    if (::symlinkat(entry.target.c_str(), to_.get(), path) != 0) fail(entry);
    store::set_mtime(to_.get(), path, entry.mtime, entry.nanoseconds);
  }

  /// What `content` is, by the name of `entry`.
  void write_file(const Entry& entry, const Entry& content) const {
    auto from = store::open_beneath(from_.get(), content.path, O_RDONLY);
    const auto source = told(from_path_ / content.path);
    if (!from) store::throw_damaged(source);
    const Fd to(::openat(to_.get(), entry.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to) fail(entry);
    store::copy_verified({from.get(), source}, {to.get(), told(place_.name / entry.path)}, content.content);
    const timespec time{.tv_sec = content.mtime, .tv_nsec = static_cast<long>(content.nanoseconds)};
    const timespec times[] = {time, time};
    if (::fchmod(to.get(), content.mode & kept_mode) != 0 || ::futimens(to.get(), times) != 0) fail(entry);
    if (sync_each_ && ::fsync(to.get()) != 0) fail(entry);
  }

  /// A copy, where the file system has no hard links.
  void write_further_name(const Entry& entry) const {
    if (::linkat(to_.get(), entry.target.c_str(), to_.get(), entry.path.c_str(), 0) == 0) return;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != EXDEV) fail(entry);
    write_file(entry, *listing_.find(entry.target));
  }

  /// From the deepest: what is written into a directory changes its time, and needs its mode.
  void finish_directories() const {
    const auto& entries = listing_.entries();
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (entry->type != EntryType::directory) continue;
      const char* path = entry->path.empty() ? "." : entry->path.c_str();
      store::set_mtime(to_.get(), path, entry->mtime, entry->nanoseconds);
      const auto directory = open_at(to_.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (::fchmod(directory.get(), entry->mode & kept_mode) != 0) fail(*entry);
      if (sync_each_ && ::fsync(directory.get()) != 0) fail(*entry);
    }
  }

  fs::path from_path_;
  store::Listing listing_;
  TreePlace place_;
  Fd from_;
  Fd to_;
  bool sync_each_ = false;
};

/// A further name of a file is that file; owners and attributes are not installed.
Entry compared(const store::Listing& listing, const Entry& entry) {
  Entry result = entry.type == EntryType::hardlink ? *listing.find(entry.target) : entry;
  result.path = entry.path;
  result.uid = result.gid = 0;
  result.xattrs.clear();
  result.opaque = false;
  return result;
}

Entry installed(const store::Listing& listing, const Entry& entry) {
  auto result = compared(listing, entry);
  if (result.type != EntryType::symlink) result.mode &= kept_mode;
  return result;
}

/// Those that belong to neither whoever has the directory above, nor this user, nor root: their owners could change
/// them.
std::vector<std::string> of_strangers(int tree, const fs::path& directory, const store::Listing& found) {
  struct stat above{};
  if (::stat(directory.parent_path().c_str(), &above) != 0)
    throw StoreError(errno_message("release: cannot look at " + escaped_utf8(directory.parent_path().native()), errno));
  std::vector<std::string> paths;
  for (const auto& entry : found.entries()) {
    struct stat status{};
    const auto* path = entry.path.empty() ? "." : entry.path.c_str();
    if (::fstatat(tree, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;  // gone: told as missing by whoever looks next
    if (status.st_uid != above.st_uid && status.st_uid != ::geteuid() && status.st_uid != 0)
      paths.push_back(entry.path);
  }
  return paths;
}

std::string difference(const Entry& wanted, const Entry& found) {
  if (wanted.type != found.type) return "type";
  if (wanted.content != found.content || wanted.size != found.size) return "content";
  if (wanted.target != found.target) return "target";
  if (wanted.mode != found.mode) return "mode";
  return wanted == found ? "" : "time";
}

}  // namespace

WrittenTree write_installed_tree(const store::Store& store, const LayerId& layer, const TreePlace& place,
                                 unsigned threads) {
  return Writing(store, layer, place).write(threads);
}

std::vector<TreeFault> faults_of_installed_tree(const fs::path& directory, const store::Listing& listing,
                                                unsigned threads) {
  const auto tree = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  store::ScanOptions options{.owners = store::Owners::ignore, .label = escaped_utf8(directory.native())};
  options.threads = threads;
  options.records = store::Records::of_sessions;
  options.times = listing.format() == 1 ? store::Times::seconds : store::Times::nanoseconds;
  const auto found = store::scan(tree.get(), options);
  std::map<std::string, std::string> faults;
  for (const auto& entry : listing.entries()) {
    const auto* there = found.find(entry.path);
    auto what = there == nullptr ? "missing" : difference(installed(listing, entry), compared(found, *there));
    if (!what.empty()) faults.emplace(entry.path, std::move(what));
  }
  for (auto& path : of_strangers(tree.get(), directory, found)) faults.emplace(std::move(path), "owner");
  for (const auto& entry : found.entries())
    if (listing.find(entry.path) == nullptr) faults.emplace(entry.path, "not of the package");
  std::vector<TreeFault> sorted;
  for (const auto& [path, what] : faults) sorted.push_back({path, what});
  return sorted;
}

}  // namespace karapace::release
