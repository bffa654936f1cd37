// SPDX-License-Identifier: Apache-2.0
// flock(2) locks on files that gc may unlink: a lock counts only while its file still has its name. Without this check
// one process could hold the lock of an unlinked file while another locks the new file of that name.
#include "base/file_lock.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"

namespace karapace {

namespace {

enum class Attempt { locked, busy, renamed };

bool still_named(int fd, const std::filesystem::path& path) noexcept {
  struct stat held{};
  struct stat named{};
  if (::fstat(fd, &held) != 0 || ::stat(path.c_str(), &named) != 0) return false;
  return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

Attempt lock_open_file(int fd, const std::filesystem::path& path, int operation) {
  while (::flock(fd, operation) != 0) {
    if (errno == EWOULDBLOCK) return Attempt::busy;
    if (errno != EINTR) {
      throw StoreError(errno_message(fmt::format("cannot lock \"{}\"", escaped_utf8(path.native())), errno));
    }
  }
  return still_named(fd, path) ? Attempt::locked : Attempt::renamed;
}

}  // namespace

FileLock FileLock::acquire(const std::filesystem::path& path, int mode) {
  for (;;) {
    Fd fd = open_at(AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    if (lock_open_file(fd.get(), path, mode) == Attempt::locked) return FileLock(std::move(fd));
  }
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path, int mode) {
  for (;;) {
    Fd fd = open_at(AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    auto attempt = lock_open_file(fd.get(), path, mode | LOCK_NB);
    if (attempt == Attempt::busy) return std::nullopt;
    if (attempt == Attempt::locked) return FileLock(std::move(fd));
  }
}

std::optional<FileLock> FileLock::acquire_existing(const std::filesystem::path& path, int mode) {
  for (;;) {
    auto fd = open_if_exists(AT_FDCWD, path, O_RDONLY);
    if (!fd) return std::nullopt;
    if (lock_open_file(fd->get(), path, mode) == Attempt::locked) return FileLock(std::move(*fd));
  }
}

std::optional<FileLock> FileLock::try_acquire_existing(const std::filesystem::path& path, int mode) {
  for (;;) {
    auto fd = open_if_exists(AT_FDCWD, path, O_RDONLY);
    if (!fd) return std::nullopt;
    auto attempt = lock_open_file(fd->get(), path, mode | LOCK_NB);
    if (attempt == Attempt::busy) return std::nullopt;
    if (attempt == Attempt::locked) return FileLock(std::move(*fd));
  }
}

}  // namespace karapace
