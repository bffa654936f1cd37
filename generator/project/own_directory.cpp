// SPDX-License-Identifier: Apache-2.0
#include "generator/project/own_directory.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

/// Not through a link, and nobody else's: who else could have put it there, and may change it under us?
Fd open_own(int parent, const std::string& name, const fs::path& path, std::string_view what) {
  if (::mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST) {
    throw Error(errno_message(fmt::format("{}: cannot make {}", what, quoted(path)), errno));
  }
  Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR)) {
    throw Error(
        fmt::format("{}: {} is a link or no directory, so nothing is written below it: look who made it, "
                    "remove it and try again",
                    what, quoted(path)));
  }
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    throw Error(errno_message(fmt::format("{}: cannot open {}", what, quoted(path)), errno));
  }
  if (status.st_uid != ::geteuid()) {
    throw Error(
        fmt::format("{}: {} belongs to the user {}, so nothing is written below it: remove it, or work as that "
                    "user",
                    what, quoted(path), status.st_uid));
  }
  // A session can have given it to others, or had it give what is made in it to them.
  for (const char* list : {"system.posix_acl_access", "system.posix_acl_default"}) ::fremovexattr(fd.get(), list);
  // Without effect on a file system that has no modes.
  if ((status.st_mode & 022) != 0) ::fchmod(fd.get(), status.st_mode & 07755);
  return fd;
}

/// A part of a person's path. Links are followed, but not those that a session may have made.
Fd open_part(int parent, const std::string& name, const fs::path& path, std::string_view what,
             const OwnDirectory::WrittenBySessions& written_by_sessions) {
  constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  Fd fd(::openat(parent, name.c_str(), flags | O_NOFOLLOW));
  if (!fd && errno == ENOENT && ::mkdirat(parent, name.c_str(), 0777) != 0 && errno != EEXIST)
    throw Error(errno_message(fmt::format("{}: cannot make {}", what, quoted(path)), errno));
  if (!fd) fd = Fd(::openat(parent, name.c_str(), flags | O_NOFOLLOW));
  if (fd) return fd;
  struct stat status{};
  bool is_link = ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  if (is_link && written_by_sessions) {
    std::error_code error;
    auto real = fs::read_symlink(fmt::format("/proc/self/fd/{}", parent), error);
    if (error || written_by_sessions(real))
      throw Error(fmt::format(
          "{}: {} is a link, which what ran in a session may have made, so it is not followed: name the directory "
          "that it leads to, or remove it",
          what, quoted(path)));
  }
  if (is_link) fd = Fd(::openat(parent, name.c_str(), flags));
  if (!fd) throw Error(errno_message(fmt::format("{}: cannot open {}", what, quoted(path)), is_link ? errno : ENOTDIR));
  return fd;
}

Fd open_place(const fs::path& place, std::string_view what,
              const OwnDirectory::WrittenBySessions& written_by_sessions) {
  fs::path done = place.is_absolute() ? "/" : ".";
  Fd fd = open_at(AT_FDCWD, done, O_PATH | O_DIRECTORY);
  for (const auto& part : place.relative_path()) {
    if (part.empty() || part == ".") continue;
    done /= part;
    fd = open_part(fd.get(), part.native(), done, what, written_by_sessions);
  }
  return open_at(fd.get(), ".", O_RDONLY | O_DIRECTORY);
}

void write_at(int fd, std::string_view bytes, std::size_t offset, std::string_view what) {
  if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0)
    throw Error(errno_message(fmt::format("gen: cannot write {}", what), errno));
  write_all(fd, bytes, what);
}

/// Readers find the first line, by which a graph is known as ours, and then either all of the text or the word of its
/// being unfinished, at which ninja and CMake stop.
void rewrite(int fd, std::string_view what, std::string_view text) {
  constexpr std::string_view unfinished = "\nunfinished: run karapace gen again\n";
  auto first_line = std::min(text.find('\n'), text.size());
  auto rest = std::min(first_line + unfinished.size(), text.size());
  write_at(fd, unfinished, first_line, what);
  write_at(fd, text.substr(rest), rest, what);
  if (::ftruncate(fd, static_cast<off_t>(text.size())) != 0)
    throw Error(errno_message(fmt::format("gen: cannot write {}", what), errno));
  write_at(fd, text.substr(first_line, rest - first_line), first_line, what);
}

}  // namespace

OwnDirectory::OwnDirectory(fs::path path, Fd fd, std::string_view what)
    : path_(std::move(path)), fd_(std::move(fd)), what_(what) {}

OwnDirectory OwnDirectory::make(const fs::path& path, std::string_view what,
                                const WrittenBySessions& written_by_sessions) {
  auto own = std::find(path.begin(), path.end(), own_name);
  fs::path place;
  for (auto part = path.begin(); part != own; ++part) place /= *part;
  if (place.empty()) place = ".";
  OwnDirectory directory(place, open_place(place, what, written_by_sessions), what);
  for (auto part = own; part != path.end(); ++part) {
    if (!part->empty()) directory = directory.inner(part->native());
  }
  return directory;
}

OwnDirectory OwnDirectory::inner(const std::string& name) const {
  return {path_ / name, open_own(fd_.get(), name, path_ / name, what_), what_};
}

std::optional<std::string> OwnDirectory::read(const std::string& name) const {
  // O_NONBLOCK: a fifo would wait for a writer.
  Fd fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return read_all(fd.get(), quoted(path_ / name));
}

bool OwnDirectory::has_already(const std::string& name, std::string_view text) const {
  struct stat status{};
  bool same_size = ::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                   static_cast<std::uint64_t>(status.st_size) == text.size();
  // As write_file_in leaves it: nobody else may write to it.
  bool is_as_made = status.st_nlink == 1 && status.st_uid == ::geteuid() && (status.st_mode & 022) == 0;
  return same_size && is_as_made && read(name) == text;
}

bool OwnDirectory::write_if_changed(const std::string& name, std::string_view text) const {
  if (has_already(name, text)) return false;
  write_file_in(fd_.get(), path_ / name, text);
  return true;
}

bool OwnDirectory::write_control_file(const std::string& name, std::string_view text) const {
  if (has_already(name, text)) return false;
  Fd old(::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  bool is_file = old && ::fstat(old.get(), &status) == 0 && S_ISREG(status.st_mode);
  // The lock is kept until the new file has the name: a session that begins meanwhile waits and holds the new one.
  bool is_shown = is_file && ::flock(old.get(), LOCK_EX | LOCK_NB) != 0;
  if (is_shown && (status.st_nlink != 1 || status.st_uid != ::geteuid())) {
    throw Error(fmt::format(
        "{}: {} has another name (a hard link) or owner, and a session that shows it keeps it from being replaced: end "
        "the session and try again",
        what_, quoted(path_ / name)));
  }
  if (is_shown) {
    ::fchmod(old.get(), 0644);
    const Fd writable = open_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", old.get()), O_RDWR);
    rewrite(writable.get(), quoted(path_ / name), text);
  } else {
    write_file_in(fd_.get(), path_ / name, text);
  }
  return true;
}

void OwnDirectory::remove_others(const std::set<std::string>& names) const {
  for (const auto& name : names_in(fd_.get(), path_)) {
    if (!names.contains(name)) ::unlinkat(fd_.get(), name.c_str(), 0);
  }
}

bool OwnDirectory::has_link(const std::string& name) const {
  struct stat status{};
  return ::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

void OwnDirectory::remove_unless_plain(const std::string& name) const {
  struct stat status{};
  if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == ::geteuid()) return;
  if (::unlinkat(fd_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return;
  throw Error(
      errno_message(fmt::format("{}: cannot remove {}, where a file belongs", what_, quoted(path_ / name)), errno));
}

}  // namespace karapace::project
