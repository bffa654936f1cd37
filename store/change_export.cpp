// SPDX-License-Identifier: Apache-2.0
#include "store/change_export.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/entry_metadata.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

[[noreturn]] void fail_writing(const std::string& path, std::string_view reason) {
  throw Error(fmt::format("export: cannot write \"/{}\": {}", escaped_utf8(path), reason));
}

/// A directory that the person named, which is new or empty.
class NewDirectory {
 public:
  explicit NewDirectory(const fs::path& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
      throw Error(errno_message("export: cannot make " + shown(path), errno));
    top_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!top_) throw Error(errno_message("export: cannot write into " + shown(path), errno));
    if (!names_in(top_.get(), path).empty())
      throw Error(fmt::format("export: {} is not empty; name a directory that is, or one that does not exist yet",
                              shown(path)));
  }

  /// Begins an entry; `first` is the name that it has already, of a file with several.
  void begin(const Entry& entry, const std::string* first) {
    const auto slash = entry.path.rfind('/');
    const Fd parent = open_beneath(top_.get(), slash == entry.path.npos ? std::string() : entry.path.substr(0, slash),
                                   O_PATH | O_DIRECTORY);
    const auto name = entry.path.substr(slash + 1);
    if (!parent || !make(entry, first, parent.get(), name.c_str()))
      fail_writing(entry.path, errno_message("it can not be made", errno));
    if (entry.type == EntryType::directory) directories_.push_back(own(entry));
    if (entry.type == EntryType::symlink || entry.type == EntryType::fifo)
      apply_link_metadata(parent.get(), name.c_str(), own(entry));
  }
  /// More of the content of a regular file.
  void write(const Entry& entry, std::string_view bytes) { write_all(file_.get(), bytes, entry.path); }
  void end(const Entry& entry) {
    if (file_) apply_metadata(file_.get(), own(entry));
    file_ = Fd();
  }
  void finish() {
    for (auto entry = directories_.rbegin(); entry != directories_.rend(); ++entry) {
      const Fd directory = open_beneath(top_.get(), entry->path, O_RDONLY | O_DIRECTORY);
      if (!directory) fail_writing(entry->path, errno_message("it is gone", errno));
      apply_metadata(directory.get(), *entry);
    }
  }

 private:
  /// As it belongs to whoever exports it.
  static Entry own(Entry entry) {
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.mode &= 01777;
    entry.xattrs.clear();
    entry.opaque = false;
    return entry;
  }

  bool make(const Entry& entry, const std::string* first, int parent, const char* name) {
    if (first) return ::linkat(top_.get(), first->c_str(), parent, name, 0) == 0;
    switch (entry.type) {
      case EntryType::directory: return ::mkdirat(parent, name, 0700) == 0;
      case EntryType::symlink: return ::symlinkat(entry.target.c_str(), parent, name) == 0;
      case EntryType::fifo: return ::mkfifoat(parent, name, 0600) == 0;
      default: break;
    }
    file_ = Fd(::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    return static_cast<bool>(file_);
  }

  Fd top_;
  Fd file_;  // that is being written
  std::vector<Entry> directories_;
};

/// Of what changed, with the directories above it, each before what is in it.
std::vector<std::string> exported_paths(const Changes& changes) {
  std::set<std::string> paths;
  for (const auto& [path, kind, type, size, aspects, from] : changes.changes) {
    if (kind == ChangeKind::removed || path.empty()) continue;
    for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      paths.insert(path.substr(0, slash));
    paths.insert(path);
  }
  return {paths.begin(), paths.end()};
}

class DirectoryExport {
 public:
  DirectoryExport(int upper, NewDirectory& destination) : upper_(upper), destination_(destination) {
    options_.times = Times::nanoseconds;
  }

  void run(const std::vector<std::string>& paths) {
    for (const auto& path : paths) write(path);
    destination_.finish();
  }

 private:
  [[noreturn]] static void fail_reading(const std::string& path) {
    throw StoreError(errno_message(fmt::format("export: cannot read \"/{}\"", escaped_utf8(path)), errno));
  }

  /// A name in its directory, which no link leads to.
  struct Place {
    Fd directory;
    std::string name;
  };
  Place place_of(const std::string& path) const {
    const auto slash = path.rfind('/');
    auto parent = slash == path.npos ? std::string() : path.substr(0, slash);
    Place place{open_beneath(upper_, parent, O_PATH | O_DIRECTORY), path.substr(slash + 1)};
    if (!place.directory) fail_reading(path);
    return place;
  }

  void write(const std::string& path) {
    const auto place = place_of(path);
    struct stat status{};
    if (::fstatat(place.directory.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail_reading(path);
    const auto type = type_of(status);
    if (!type || type == EntryType::whiteout) return;
    auto entry = entry_of(path, *type, status, options_);
    Fd file;
    const bool is_directory = type == EntryType::directory;
    if (is_directory || type == EntryType::regular) {
      file = Fd(::openat(place.directory.get(), place.name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (is_directory ? O_DIRECTORY : 0)));
      if (!file) fail_reading(path);
    }
    if (type == EntryType::symlink) {
      auto target = link_target(place.directory.get(), place.name.c_str());
      if (!target) fail_reading(path);
      entry.target = *std::move(target);
    }
    write(entry, status, file.get());
  }

  void write(Entry& entry, const struct stat& status, int file) {
    const bool is_file = entry.type == EntryType::regular;
    const auto* first = is_file && status.st_nlink > 1 ? first_name(status, entry.path) : nullptr;
    if (is_file) entry.size = static_cast<std::uint64_t>(status.st_size);
    destination_.begin(entry, first);
    if (is_file && !first) write_content(entry, file);
    destination_.end(entry);
  }

  void write_content(const Entry& entry, int file) {
    for (std::uint64_t done = 0; done < entry.size;) {
      const auto count = ::read(file, buffer_.data(), buffer_.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_reading(entry.path);
      if (count == 0)
        throw StoreError(fmt::format("export: \"/{}\" changed while it was read; stop its writer and try again",
                                     escaped_utf8(entry.path)));
      const auto most = std::min<std::uint64_t>(static_cast<std::uint64_t>(count), entry.size - done);
      destination_.write(entry, {buffer_.data(), most});
      done += most;
    }
  }

  /// Null for the first.
  const std::string* first_name(const struct stat& status, const std::string& path) {
    auto [place, is_new] = first_names_.try_emplace({status.st_dev, status.st_ino}, path);
    return is_new ? nullptr : &place->second;
  }

  int upper_;
  NewDirectory& destination_;
  ScanOptions options_;
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

/// GNU tar knows holes, names and attributes of all kinds.
void write_archive(const fs::path& upper, const std::vector<std::string>& paths, const fs::path& archive) {
  const Fd file(::open(archive.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) throw Error(errno_message("export: cannot make " + shown(archive), errno));
  std::string list;
  for (const auto& path : paths) list.append("./").append(path).append(1, '\0');
  const char* search = std::getenv("PATH");
  const auto result = capture_child(
      {.argv = {"tar", "--create", "--format=pax", "--sparse", "--numeric-owner", "--xattrs", "--xattrs-include=user.*",
                "--xattrs-include=security.capability", "--acls", "--no-recursion", "--null", "--verbatim-files-from",
                "--files-from=-", "--force-local", "--file", archive.string()},
       .working_directory = upper,
       .variables = std::vector<std::string>{"LC_ALL=C", fmt::format("PATH={}", search ? search : "/usr/bin:/bin")}},
      list);
  if (result.status == 0) return;
  ::unlink(archive.c_str());
  if (result.status == 127) throw Error("export: an archive needs the program tar; install it");
  throw Error(fmt::format("export: the program tar failed: {}", result.errors));
}

Exported counted(int upper, const std::vector<std::string>& paths) {
  Exported exported;
  std::set<std::pair<dev_t, ino_t>> known;
  for (const auto& path : paths) {
    struct stat status{};
    const Fd fd = open_beneath(upper, path, O_PATH);
    if (!fd || ::fstat(fd.get(), &status) != 0 || S_ISDIR(status.st_mode)) continue;
    ++exported.files;
    if (S_ISREG(status.st_mode) && known.insert({status.st_dev, status.st_ino}).second)
      exported.bytes += static_cast<std::uint64_t>(status.st_size);
  }
  return exported;
}

}  // namespace

Exported export_changes(const fs::path& upper, const Changes& changes, const fs::path& destination) {
  const auto opened = open_at(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const auto paths = exported_paths(changes);
  if (destination.extension() == ".tar") {
    write_archive(upper, paths, destination);
  } else {
    NewDirectory directory(destination);
    DirectoryExport(opened.get(), directory).run(paths);
  }
  return counted(opened.get(), paths);
}

}  // namespace karapace::store
