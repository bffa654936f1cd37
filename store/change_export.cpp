// SPDX-License-Identifier: Apache-2.0
#include "store/change_export.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/entry_metadata.hpp"
#include "store/pax_writer.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

[[noreturn]] void fail_writing(const std::string& path, std::string_view reason) {
  throw Error(fmt::format("export: cannot write \"/{}\": {}", escaped_utf8(path), reason));
}

using Segments = std::vector<PaxWriter::Segment>;

/// What is exported to.
class Target {
 public:
  Target() = default;
  virtual ~Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  /// Begins an entry; `first` is the name that it has already, of a file with several. Of others the bytes of
  /// `segments`, of which all else is a hole, follow in order.
  virtual void begin(const Entry& entry, const std::string* first, const Segments& segments) = 0;
  virtual void write(const Entry& entry, std::uint64_t offset, std::string_view bytes) = 0;
  virtual void end(const Entry& entry) = 0;
  virtual void finish() = 0;
};

/// A directory that the person named, which is new or empty. A session may be able to write there, and to put links in
/// place of what was made: no path is walked but beneath the directory and without links.
class NewDirectory : public Target {
 public:
  explicit NewDirectory(const ExportRequest& request) {
    const char* name = request.name.c_str();
    if (::mkdirat(request.parent, name, 0755) != 0 && errno != EEXIST)
      throw Error(errno_message("export: cannot make " + shown(request.shown), errno));
    top_ = Fd(::openat(request.parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!top_) throw Error(errno_message("export: cannot write into " + shown(request.shown), errno));
    if (!names_in(top_.get(), request.shown).empty())
      throw Error(fmt::format("export: {} is not empty; name a directory that is, or one that does not exist yet",
                              shown(request.shown)));
  }

  void begin(const Entry& entry, const std::string* first, const Segments&) override {
    const auto [parent, name] = place_of(entry.path);
    if (!parent || !make(entry, first, parent.get(), name.c_str()))
      fail_writing(entry.path, errno_message("it can not be made", errno));
    if (entry.type == EntryType::directory) directories_.push_back(own(entry));
    if (entry.type == EntryType::symlink || entry.type == EntryType::fifo)
      apply_link_metadata(parent.get(), name.c_str(), own(entry));
  }
  void write(const Entry& entry, std::uint64_t offset, std::string_view bytes) override {
    if (::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET) < 0)
      fail_writing(entry.path, errno_message("no place in it is found", errno));
    write_all(file_.get(), bytes, entry.path);
  }
  void end(const Entry& entry) override {
    if (!file_) return;
    if (::ftruncate(file_.get(), static_cast<off_t>(entry.size)) != 0)
      fail_writing(entry.path, errno_message("a hole can not be made", errno));
    apply_metadata(file_.get(), own(entry));
    file_ = Fd();
  }
  void finish() override {
    for (auto entry = directories_.rbegin(); entry != directories_.rend(); ++entry) {
      const Fd directory = open_beneath(top_.get(), entry->path, O_RDONLY | O_DIRECTORY);
      if (!directory) fail_writing(entry->path, errno_message("it is gone", errno));
      apply_metadata(directory.get(), *entry);
    }
  }

 private:
  using Inode = std::pair<dev_t, ino_t>;

  /// As it belongs to whoever exports it.
  static Entry own(Entry entry) {
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.mode &= 01777;
    entry.xattrs.clear();
    entry.opaque = false;
    return entry;
  }

  std::pair<Fd, std::string> place_of(const std::string& path) const {
    const auto slash = path.rfind('/');
    return {open_beneath(top_.get(), slash == path.npos ? std::string() : path.substr(0, slash), O_PATH | O_DIRECTORY),
            path.substr(slash + 1)};
  }

  bool make(const Entry& entry, const std::string* first, int parent, const char* name) {
    if (first) return link(*first, parent, name);
    switch (entry.type) {
      case EntryType::directory: return ::mkdirat(parent, name, 0700) == 0;
      case EntryType::symlink: return ::symlinkat(entry.target.c_str(), parent, name) == 0;
      case EntryType::fifo: return ::mkfifoat(parent, name, 0600) == 0;
      default: break;
    }
    file_ = Fd(::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    struct stat status{};
    if (!file_ || ::fstat(file_.get(), &status) != 0) return false;
    made_[entry.path] = {status.st_dev, status.st_ino};
    return true;
  }

  /// Only to the file that was made under the first name, whatever has that name now.
  bool link(const std::string& first, int parent, const char* name) const {
    const Fd file = open_beneath(top_.get(), first, O_PATH);
    struct stat status{};
    if (!file || ::fstat(file.get(), &status) != 0) return false;
    const auto made = made_.find(first);
    if (made == made_.end() || made->second != Inode{status.st_dev, status.st_ino}) {
      errno = ESTALE;
      return false;
    }
    return ::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", file.get()).c_str(), parent, name, AT_SYMLINK_FOLLOW) ==
           0;
  }

  Fd top_;
  Fd file_;  // that is being written
  std::map<std::string, Inode> made_;
  std::vector<Entry> directories_;
};

/// A new file that gets its name when it is whole: a part of an archive looks like an archive of less. Where the file
/// system has no files without names it has one from the beginning, which is never used again: somebody else may give
/// it to another file.
class NewArchive : public Target {
 public:
  explicit NewArchive(const ExportRequest& request)
      : request_(request),
        name_(request.name),
        archive_([this](std::string_view bytes) { write_all(file_.get(), bytes, name_); }, PaxWriter::Dialect::star) {
    struct stat status{};
    errno = EEXIST;
    if (::fstatat(request.parent, name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) fail_making();
    file_ = Fd(::openat(request.parent, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644));
    is_named_ = !file_ && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT);  // open(2), BUGS of O_TMPFILE
    if (is_named_)
      file_ = Fd(::openat(request.parent, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file_) fail_making();
  }

  void begin(const Entry& entry, const std::string* first, const Segments& segments) override {
    Entry told = entry;
    told.opaque = false;
    stored_ = 0;
    for (const auto& segment : segments) stored_ += segment.size;
    if (first) {
      told.type = EntryType::hardlink;
      told.target = *first;
      told.size = 0;
    }
    try {
      if (told.type == EntryType::regular && stored_ < told.size)
        archive_.add_sparse(std::move(told), segments);
      else
        archive_.add(told);
    } catch (const StepError& error) {
      throw Error(fmt::format("export: \"/{}\" {}; export to a directory", escaped_utf8(entry.path), error.what()));
    }
  }
  void write(const Entry&, std::uint64_t, std::string_view bytes) override { archive_.append(bytes); }
  void end(const Entry&) override { archive_.end_content(stored_); }
  void finish() override {
    archive_.finish();
    if (is_named_) return;
    const auto opened = fmt::format("/proc/self/fd/{}", file_.get());
    if (::linkat(AT_FDCWD, opened.c_str(), request_.parent, name_.c_str(), AT_SYMLINK_FOLLOW) != 0) fail_making();
  }

 private:
  [[noreturn]] void fail_making() const {
    throw Error(errno_message("export: cannot make " + shown(request_.shown), errno));
  }

  const ExportRequest& request_;
  Fd file_;
  bool is_named_ = false;
  std::string name_;
  PaxWriter archive_;
  std::uint64_t stored_ = 0;  // bytes of the file that is being written
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

class Exporter {
 public:
  Exporter(int upper, Owners owners, Target& target) : upper_(upper), target_(target) {
    options_.owners = owners;
    options_.times = Times::nanoseconds;
    options_.records = Records::of_sessions;
  }

  void run(const std::vector<std::string>& paths) {
    for (const auto& path : paths) write(path);
    target_.finish();
  }

 private:
  [[noreturn]] static void fail_reading(const std::string& path) {
    throw StoreError(errno_message(fmt::format("export: cannot read \"/{}\"", escaped_utf8(path)), errno));
  }
  [[noreturn]] static void fail_changed(const std::string& path) {
    throw StoreError(
        fmt::format("export: \"/{}\" changed while it was read; stop its writer and try again", escaped_utf8(path)));
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

  /// What a reader of the archive believes to be below a directory must not be below a link that stands for it.
  void require_directory_above(const std::string& path) const {
    const auto slash = path.rfind('/');
    if (slash != path.npos && !directories_.contains(path.substr(0, slash))) fail_changed(path);
  }

  void write(const std::string& path) {
    require_directory_above(path);
    const auto place = place_of(path);
    struct stat status{};
    if (::fstatat(place.directory.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail_reading(path);
    const auto type = type_of(status);
    if (!type || type == EntryType::whiteout) return;
    Fd file;
    const bool is_directory = type == EntryType::directory;
    if (is_directory || type == EntryType::regular) {
      file = Fd(::openat(place.directory.get(), place.name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (is_directory ? O_DIRECTORY : 0)));
      if (!file || ::fstat(file.get(), &status) != 0) fail_reading(path);
      if (type_of(status) != type) fail_changed(path);
    }
    auto entry = entry_of(path, *type, status, options_);
    if (file) take_attributes(file.get(), entry, options_, "export");
    if (type == EntryType::symlink) {
      auto target = link_target(place.directory.get(), place.name.c_str());
      if (!target) fail_reading(path);
      entry.target = *std::move(target);
    }
    write(entry, status, file.get());
  }

  void write(Entry& entry, const struct stat& status, int file) {
    const bool is_file = entry.type == EntryType::regular;
    if (entry.type == EntryType::directory) directories_.insert(entry.path);
    const auto* first = is_file && status.st_nlink > 1 ? first_name(file, status, entry.path) : nullptr;
    if (is_file) entry.size = static_cast<std::uint64_t>(status.st_size);
    const auto segments = is_file && !first ? segments_of(entry, file) : Segments();
    target_.begin(entry, first, segments);
    for (const auto& segment : segments) write_segment(entry, file, segment);
    struct stat after{};
    if (is_file && (::fstat(file, &after) != 0 || !unchanged(status, after))) fail_changed(entry.path);
    target_.end(entry);
  }

  /// Where it has bytes, and, when it ends with a hole, its end.
  static Segments segments_of(const Entry& entry, int file) {
    Segments segments;
    for (std::uint64_t done = 0; done < entry.size;) {
      const off_t data = ::lseek(file, static_cast<off_t>(done), SEEK_DATA);
      if (data < 0 && errno != ENXIO) fail_reading(entry.path);
      const auto begin = data < 0 ? entry.size : std::min(entry.size, static_cast<std::uint64_t>(data));
      const off_t hole = begin == entry.size ? -1 : ::lseek(file, data, SEEK_HOLE);
      if (begin < entry.size && hole <= data) fail_changed(entry.path);
      done = begin == entry.size ? entry.size : std::min(entry.size, static_cast<std::uint64_t>(hole));
      segments.push_back({begin, done - begin});
    }
    return segments;
  }

  void write_segment(const Entry& entry, int file, const PaxWriter::Segment& segment) {
    for (std::uint64_t done = 0; done < segment.size;) {
      const auto most = std::min<std::uint64_t>(buffer_.size(), segment.size - done);
      const auto count =
          ::pread(file, buffer_.data(), static_cast<std::size_t>(most), static_cast<off_t>(segment.offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_reading(entry.path);
      if (count == 0) fail_changed(entry.path);
      target_.write(entry, segment.offset + done, {buffer_.data(), static_cast<std::size_t>(count)});
      done += static_cast<std::uint64_t>(count);
    }
  }

  struct FirstName {
    std::string path;
    NamedFile file;
  };

  /// Null for the first.
  const std::string* first_name(int file, const struct stat& status, const std::string& path) {
    const NamedFile named(file, status);
    auto [place, is_new] = first_names_.try_emplace({status.st_dev, status.st_ino}, FirstName{path, named});
    if (!place->second.file.is(named)) fail_changed(path);
    return is_new ? nullptr : &place->second.path;
  }

  int upper_;
  Target& target_;
  ScanOptions options_;
  std::map<std::pair<dev_t, ino_t>, FirstName> first_names_;
  std::set<std::string> directories_;  // that are written
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

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

Exported export_changes(const ExportRequest& request) {
  const auto upper = open_at(AT_FDCWD, request.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const auto paths = exported_paths(request.changes);
  std::unique_ptr<Target> target;
  if (fs::path(request.name).extension() == ".tar")
    target = std::make_unique<NewArchive>(request);
  else
    target = std::make_unique<NewDirectory>(request);
  Exporter(upper.get(), request.owners, *target).run(paths);
  return counted(upper.get(), paths);
}

}  // namespace karapace::store
