// SPDX-License-Identifier: Apache-2.0
#include "store/trash.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"

namespace karapace::store {

namespace {

constexpr const char* trash_name = "trash";
constexpr const char* reserve_name = "reserve";
/// Enough for the blocks that directories grow by, on every file system.
constexpr std::size_t reserve_bytes = 256 * 1024;
constexpr std::uint64_t too_few_bytes = 1 << 20;
constexpr std::uint64_t too_few_inodes = 16;

bool is_nearly_full(const std::filesystem::path& root) noexcept {
  struct statvfs status{};
  if (::statvfs(root.c_str(), &status) != 0) return true;
  const bool counts_inodes = status.f_files > 0;
  return std::uint64_t{status.f_bavail} * status.f_frsize < too_few_bytes ||
         (counts_inodes && status.f_favail < too_few_inodes);
}

bool write_zeros(int fd, std::size_t count) noexcept {
  static constexpr std::array<char, 4096> zeros{};
  while (count > 0) {
    const ssize_t written = ::write(fd, zeros.data(), std::min(count, zeros.size()));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    count -= static_cast<std::size_t>(written);
  }
  return true;
}

/// None is better than half of one: the next who opens the store makes it.
void make_reserve(const std::filesystem::path& root) noexcept {
  const auto path = root / reserve_name;
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0 || is_nearly_full(root)) return;
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd && !write_zeros(fd.get(), reserve_bytes)) ::unlink(path.c_str());
}

void make_file(const std::filesystem::path& path) noexcept {
  if (::access(path.c_str(), F_OK) != 0) Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace

void prepare_trash(const std::filesystem::path& root) noexcept {
  if (::faccessat(AT_FDCWD, root.c_str(), W_OK, AT_EACCESS) != 0) return;
  for (const char* name : {trash_name, "quarantine"}) ::mkdir((root / name).c_str(), 0700);
  for (const char* name : {"contents", "gc"}) make_file(root / "locks" / name);
  make_reserve(root);
}

void give_up_reserve_if_full(const Store& store) noexcept {
  if (is_nearly_full(store.root())) ::unlink((store.root() / reserve_name).c_str());
}

std::filesystem::path trash_path(const Store& store) { return store.root() / trash_name; }

std::filesystem::path move_to_trash(const Store& store, const std::filesystem::path& path, const std::string& label) {
  auto name = label;
  std::replace(name.begin(), name.end(), '/', '-');
  for (int number = 1;; ++number) {
    auto to = trash_path(store) / fmt::format("{}.{}", name, number);
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return to;
    if (errno == EEXIST) continue;
    if (errno == EINVAL && ::access(to.c_str(), F_OK) != 0 && ::rename(path.c_str(), to.c_str()) == 0) return to;
    struct stat status{};
    if (errno == ENOENT && ::lstat(path.c_str(), &status) != 0) return {};
    throw StoreError(errno_message(fmt::format("cannot move \"{}\" to the trash", escaped_utf8(path.native())), errno));
  }
}

}  // namespace karapace::store
