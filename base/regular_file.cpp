// SPDX-License-Identifier: Apache-2.0
#include "base/regular_file.hpp"

#include <cerrno>
#include <cstdint>

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

std::uint64_t resolution(Links links) noexcept {
  switch (links) {
    case Links::followed: return 0;
    case Links::inside: return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    case Links::as_root: return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    case Links::refused: return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  }
  return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
}

/// A FIFO is opened without a writer and a device without waiting; which it is can be asked then.
Fd open_without_waiting(int directory, const std::filesystem::path& path, Links links) noexcept {
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = resolution(links);
  for (;;) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
    // EAGAIN: a rename elsewhere made the kernel unsure whether ".." stayed inside (openat2(2)).
    if (fd || (errno != EINTR && errno != EAGAIN)) return fd;
  }
}

bool is_regular(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

constexpr const char* not_regular = "is not a regular file";

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view refusal) {
  throw StoreError(fmt::format("\"{}\" {}", escaped_utf8(path.native()), refusal));
}

}  // namespace

void require_regular(int fd, const std::filesystem::path& path) {
  if (!is_regular(fd)) refuse(path, not_regular);
}

RegularFile try_open_regular(int directory, const std::filesystem::path& path, Links links) {
  Fd fd = open_without_waiting(directory, path, links);
  if (!fd && errno == ENOENT) return {};
  if (!fd && errno == EXDEV) return {{}, "cannot be opened: a link leads out of its directory"};
  if (!fd && errno != ENXIO) return {{}, errno_message("cannot be opened", errno), errno};
  if (!fd || !is_regular(fd.get())) return {{}, not_regular};  // ENXIO: a socket, or a device that is not there
  return {std::move(fd), {}};
}

std::optional<Fd> open_regular(int directory, const std::filesystem::path& path, Links links) {
  auto file = try_open_regular(directory, path, links);
  if (file.number != 0)
    throw CallError(fmt::format("\"{}\" cannot be opened", escaped_utf8(path.native())), file.number);
  if (!file.refusal.empty()) refuse(path, file.refusal);
  return std::move(file.fd);
}

}  // namespace karapace
