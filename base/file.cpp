// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace {

namespace {

Fd open_raw(int directory, const std::filesystem::path& path, int flags, mode_t mode) noexcept {
  for (;;) {
    Fd fd(::openat(directory, path.c_str(), flags | O_CLOEXEC, mode));
    if (fd || errno != EINTR) return fd;
  }
}

[[noreturn]] void throw_open_error(const std::filesystem::path& path) {
  throw CallError(fmt::format("cannot open \"{}\"", escaped_utf8(path.native())), errno);
}

}  // namespace

Fd open_at(int directory, const std::filesystem::path& path, int flags, mode_t mode) {
  Fd fd = open_raw(directory, path, flags, mode);
  if (!fd) throw_open_error(path);
  return fd;
}

std::optional<Fd> open_if_exists(int directory, const std::filesystem::path& path, int flags) {
  Fd fd = open_raw(directory, path, flags, 0);
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) throw_open_error(path);
  return fd;
}

std::optional<Fd> open_in_root(int root, const std::filesystem::path& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno == ENOENT) return std::nullopt;
    // EAGAIN: a rename elsewhere made the kernel unsure whether ".." stayed inside (openat2(2)).
    if (errno != EINTR && errno != EAGAIN) throw_open_error(path);
  }
}

std::int64_t modified_ns(const struct stat& status) noexcept {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::optional<std::int64_t> modified_ns(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? std::optional(modified_ns(status)) : std::nullopt;
}

bool still_named(int fd, const std::filesystem::path& path) {
  struct stat held{};
  struct stat named{};
  if (::fstat(fd, &held) != 0 || ::lstat(path.c_str(), &named) != 0) return false;
  return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

}  // namespace karapace
