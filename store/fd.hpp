// SPDX-License-Identifier: Apache-2.0
// Fd: an owned file descriptor, and the few file calls the whole house shares. Every descriptor is O_CLOEXEC.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <cerrno>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace karapace {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }  // keeps errno

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept {
    if (fd_ < 0) return;
    const int saved = errno;
    ::close(std::exchange(fd_, -1));
    errno = saved;
  }

 private:
  int fd_ = -1;
};

/// openat(2) with O_CLOEXEC, EINTR retried. Throws StoreError `cannot open "path": ...`.
Fd open_at(int directory, const std::filesystem::path& path, int flags, mode_t mode = 0);
/// The same, but nothing when the file does not exist (ENOENT).
std::optional<Fd> open_if_exists(int directory, const std::filesystem::path& path, int flags);
/// Opens `path` below `root` as if `root` were "/": links, absolute or with "..", never lead outside
/// (openat2(2) RESOLVE_IN_ROOT). Nothing when it does not exist.
std::optional<Fd> open_in_root(int root, const std::filesystem::path& path, int flags);

/// Reads from the current offset to the end; at most `limit` bytes, else StoreError.
std::string read_all(int fd, std::string_view what, std::size_t limit = std::size_t{1} << 30);
/// The whole regular file (regular_file.hpp: it never waits); nothing when it does not exist.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path);
/// The same; StoreError when it does not exist.
std::string read_file(const std::filesystem::path& path);
/// Writes everything or throws StoreError (a full disk is told as such).
void write_all(int fd, std::string_view bytes, std::string_view what);

enum class Durable { yes, no };  // yes: fsync(2) file and directory before returning
/// Replaces `path` by rename(2): readers see the old content or the new, whole, never a part.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Durable durable,
                           mode_t mode = 0644);

/// The same in an open directory, not forced to the disk. Only the last part of `path` is used, the rest is for
/// messages: no link is followed, and a link of that name is replaced.
void write_file_in(int directory, const std::filesystem::path& path, std::string_view bytes, mode_t mode = 0644);

/// As write_file_atomically (mode 0444), but unfinished the file lies in another directory of the same file system,
/// `staging`.
void publish_file(const std::filesystem::path& staging, const std::filesystem::path& path, std::string_view bytes,
                  Durable durable);

/// flock(2) on a file made on demand; released when the value dies (or the process does).
class FileLock {
 public:
  /// Waits until the lock is free. `mode` is LOCK_EX or LOCK_SH.
  static FileLock acquire(const std::filesystem::path& path, int mode);
  /// Nothing when somebody else holds it.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path, int mode);
  /// The same on a file that must exist already (read access is enough): nothing when it does not exist, or was removed
  /// while waiting.
  static std::optional<FileLock> acquire_existing(const std::filesystem::path& path, int mode);
  /// Nothing when the file does not exist or somebody else holds the lock.
  static std::optional<FileLock> try_acquire_existing(const std::filesystem::path& path, int mode);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// Removes a tree without following links, also through directories whose mode forbids it. Missing is fine.
/// Runs with the ids of the caller: trees with mapped owners are removed inside the user namespace.
void remove_tree(const std::filesystem::path& path);

}  // namespace karapace
