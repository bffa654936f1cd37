// SPDX-License-Identifier: Apache-2.0
#include "generator/project/source_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "remote/sha256.hpp"

namespace karapace::project {

namespace fs = std::filesystem;

struct SourceArchive::State {
  int file;
  std::int64_t mtime;
  remote::Sha256Hasher sha256;
  Blake3 blake3;
  std::uint64_t size = 0;
  std::set<std::string> directories;
  std::string last;
  std::vector<char> buffer = std::vector<char>(std::size_t{1} << 18);
  store::PaxWriter pax;
};

SourceArchive::SourceArchive(int file, std::int64_t mtime)
    : state_(new State{.file = file,
                       .mtime = mtime,
                       .sha256 = {},
                       .blake3 = {},
                       .directories = {},
                       .last = {},
                       .pax = {[this](std::string_view bytes) { write(bytes); }, store::PaxWriter::Dialect::star}}) {}
SourceArchive::~SourceArchive() = default;

void SourceArchive::write(std::string_view bytes) {
  state_->sha256.update(bytes);
  state_->blake3.update(bytes);
  state_->size += bytes.size();
  if (state_->file >= 0) write_all(state_->file, bytes, "the archive of a source");
}

void SourceArchive::add_parents(const std::string& path) {
  for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
    auto parent = path.substr(0, slash);
    if (!state_->directories.insert(parent).second) continue;
    store::Entry entry;
    entry.path = std::move(parent);
    entry.type = store::EntryType::directory;
    entry.mode = 0755;
    entry.mtime = state_->mtime;
    state_->pax.add(entry);
  }
}

void SourceArchive::add_link(const std::string& path, const std::string& target) {
  add_parents(path);
  store::Entry entry;
  entry.path = path;
  entry.type = store::EntryType::symlink;
  entry.mode = 0777;
  entry.mtime = state_->mtime;
  entry.target = target;
  state_->pax.add(entry);
}

void SourceArchive::add_file(const std::string& path, std::uint64_t size, Executable executable, const Read& read) {
  add_parents(path);
  store::Entry entry;
  entry.path = path;
  entry.type = store::EntryType::regular;
  entry.mode = executable == Executable::yes ? 0755 : 0644;
  entry.mtime = state_->mtime;
  entry.size = size;
  state_->pax.add(entry);
  std::uint64_t done = 0;
  while (const auto count = read(state_->buffer)) {
    done += count;
    if (done > size) break;
    state_->pax.append({state_->buffer.data(), count});
  }
  if (done != size)
    throw StoreError(fmt::format("\"{}\" changed while it was read: run the command again", escaped_utf8(path)));
  state_->pax.end_content(size);
}

ArchiveDigests SourceArchive::finish() {
  state_->pax.finish();
  return {state_->sha256.finish(), BlobId(state_->blake3.finish()), state_->size};
}

namespace {

constexpr std::int64_t a_moment_ns = 2'000'000'000;  // file systems and clocks of servers are no more exact

std::int64_t ns_of(const timespec& time) noexcept { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return ns_of(now);
}

bool begins_with(const fs::path& path, std::string_view first) { return !path.empty() && *path.begin() == first; }

}  // namespace

SourceTree::SourceTree(const fs::path& project, const std::string& location, const std::vector<std::string>& files,
                       const fs::path& lock, std::string what, const WorkTreeFiles& known)
    : what_(std::move(what)) {
  const auto directory = open_at(AT_FDCWD, project, O_PATH | O_DIRECTORY);
  try {
    if (auto root = open_in_root(directory.get(), location, O_RDONLY | O_DIRECTORY)) root_ = std::move(*root);
  } catch (const Error& error) {
    throw ManifestError(fmt::format("{}: {}", what_, error.what()));
  }
  if (!root_)
    throw ManifestError(fmt::format("{}: there is no directory \"{}\" in {}", what_, escaped_utf8(location),
                                    escaped_utf8(project.native())));
  real_ = fs::read_symlink(fmt::format("/proc/self/fd/{}", root_.get()));
  lock_ = lock;
  if (files.empty()) {
    take(all_files(known));
  } else {
    take({files.begin(), files.end()});
    std::set<std::string> there;
    for (const auto& file : files_) there.insert(file.path);
    for (const auto& file : files)
      if (!there.contains(file)) refuse(file, "does not exist");
  }
  if (files_.empty())
    throw ManifestError(
        fmt::format("{}: there is no file in \"{}\" that git does not ignore: name some with files = "
                    "[...]",
                    what_, escaped_utf8(location)));
}

void SourceTree::refuse(std::string_view path, std::string_view why) const {
  throw ManifestError(fmt::format("{}: \"{}\" {}", what_, escaped_utf8(path), why));
}

std::vector<fs::path> SourceTree::all_files(const WorkTreeFiles& known) const {
  // Asking git takes longer than all the rest where nothing changed. It is needed where somebody has it: what it does
  // not ignore is another tree.
  const bool may_be_known = is_in_work_tree(real_);
  const auto found = known.find(real_);
  if (auto files = found != known.end() ? found->second : may_be_known ? files_of_work_tree(real_) : std::nullopt) {
    // A submodule is named as the directory that it is.
    std::vector<fs::path> all;
    for (auto& file : *files) {
      std::error_code error;
      if (!fs::is_directory(fs::symlink_status(real_ / file, error))) {
        all.push_back(std::move(file));
        continue;
      }
      const auto inside = files_of_work_tree(real_ / file);
      if (!inside) refuse(file.native(), "is a git repository that git does not read");
      for (const auto& one : *inside) all.push_back(file / one);
    }
    return all;
  }
  if (may_be_known)
    throw ManifestError(
        fmt::format("{}: git does not tell what it ignores in {}: see `git -C DIRECTORY status`, or name "
                    "the files with files = [...]",
                    what_, escaped_utf8(real_.native())));
  std::vector<fs::path> all;
  auto walk = fs::recursive_directory_iterator(real_);
  for (auto entry = fs::begin(walk); entry != fs::end(walk); ++entry) {
    auto path = entry->path().lexically_relative(real_);
    if (begins_with(path, ".karapace")) {
      entry.disable_recursion_pending();
      continue;
    }
    if (entry->symlink_status().type() != fs::file_type::directory) all.push_back(std::move(path));
  }
  return all;
}

void SourceTree::take(const std::vector<fs::path>& found) {
  settled_before_ns_ = now_ns() - a_moment_ns;
  std::set<std::string> parents;
  for (const auto& path : found) {
    if (begins_with(path, ".karapace") || real_ / path == lock_) continue;
    struct stat status{};
    if (::fstatat(root_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) continue;  // git still knows what was removed
      refuse(path.native(), errno_message("can not be read", errno));
    }
    File file{.path = path.native(), .target = {}};
    const auto changed = ns_of(status.st_ctim);
    newest_change_ns_ = std::max(newest_change_ns_, changed);
    file.state = {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                  static_cast<std::uint64_t>(ns_of(status.st_mtim)), static_cast<std::uint64_t>(changed)};
    file.is_link = S_ISLNK(status.st_mode);
    file.is_executable = (status.st_mode & S_IXUSR) != 0;
    if (file.is_link) file.target = fs::read_symlink(real_ / path).native();
    if (!file.is_link && !S_ISREG(status.st_mode)) refuse(path.native(), "is neither a file nor a link");
    // What looks at times follows links, and one that leads nowhere is no file. Its directory tells when it is another.
    if (!file.is_link) watched_[real_ / path] = modified_ns(status);
    for (auto parent = path.parent_path(); !parent.empty() && parents.insert(parent.native()).second;
         parent = parent.parent_path())
      watched_[real_ / parent] = modified_ns(real_ / parent).value_or(0);
    files_.push_back(std::move(file));
  }
  watched_[real_] = modified_ns(real_).value_or(0);
  std::ranges::sort(files_, {}, &File::path);
}

Digest SourceTree::state() const {
  Blake3 hasher;
  const auto number = [&](std::uint64_t value) {
    hasher.update({reinterpret_cast<const char*>(&value), sizeof value});
  };
  const auto word = [&](std::string_view text) {
    number(text.size());
    hasher.update(text);
  };
  word("karapace source tree 1");
  for (const auto& file : files_) {
    word(file.path);
    word(file.target);
    number((file.is_link ? 2U : 0U) + (file.is_executable ? 1U : 0U));
    for (const auto value : file.state) number(value);
  }
  return hasher.finish();
}

std::optional<SourceTree::Script> SourceTree::script(const std::string& path) const {
  const auto found = std::ranges::lower_bound(files_, path, {}, &File::path);
  if (found == files_.end() || found->path != path || found->is_link) return std::nullopt;
  return found->is_executable ? Script::executable : Script::plain;
}

ArchiveDigests SourceTree::archive(int file) const {
  SourceArchive archive(file, path_time);
  for (const auto& one : files_) {
    if (one.is_link) {
      archive.add_link(one.path, one.target);
      continue;
    }
    const auto opened = try_open_regular(root_.get(), one.path, Links::refused);
    if (!opened.fd) refuse(one.path, opened.refusal.empty() ? "has gone" : opened.refusal);
    struct stat status{};
    if (::fstat(opened.fd->get(), &status) != 0) refuse(one.path, errno_message("can not be read", errno));
    archive.add_file(one.path, static_cast<std::uint64_t>(status.st_size),
                     one.is_executable ? SourceArchive::Executable::yes : SourceArchive::Executable::no,
                     [&](std::span<char> buffer) {
                       const auto count = ::read(opened.fd->get(), buffer.data(), buffer.size());
                       if (count < 0) refuse(one.path, errno_message("can not be read", errno));
                       return static_cast<std::size_t>(count);
                     });
  }
  return archive.finish();
}

}  // namespace karapace::project
