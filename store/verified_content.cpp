// SPDX-License-Identifier: Apache-2.0
#include "store/verified_content.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <climits>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"

namespace karapace::store {

namespace {

std::string in_store(const std::filesystem::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

std::string target_of(const std::filesystem::path& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t count = ::readlink(path.c_str(), target.data(), target.size());
  if (count < 0) throw_damaged(in_store(path));
  target.resize(static_cast<std::size_t>(count));
  return target;
}

void require_intact_file(const std::filesystem::path& path, const Entry& entry) {
  auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  require_regular(file.get(), path);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    throw StoreError(errno_message(fmt::format("cannot look at {}", in_store(path)), errno));
  const bool same = static_cast<std::uint64_t>(status.st_size) == entry.size &&
                    (status.st_mode & 07777) == entry.mode && status.st_mtim.tv_sec == entry.mtime;
  if (!same || blake3_of_file(file.get(), in_store(path)) != entry.content) throw_damaged(in_store(path));
}

/// Most files are small, and first touches of memory cost more than reading them.
std::size_t buffer_size(int fd) {
  constexpr std::size_t most = 256 * 1024, least = 4096;
  struct stat status{};
  if (::fstat(fd, &status) != 0) return most;
  return std::clamp(static_cast<std::size_t>(status.st_size), least, most);
}

}  // namespace

void throw_damaged(std::string_view what) {
  throw StoreError(
      fmt::format("{} is damaged in the store; run `karapace verify-store --repair`, then ninja again", what));
}

void copy_verified(const CalledFile& from, const CalledFile& to, const Digest& digest) {
  // A reflink, where the file system has them, shares the blocks and takes no time.
  if (::ioctl(to.fd, FICLONE, from.fd) == 0) {
    if (blake3_of_file(from.fd, from.name) != digest) throw_damaged(from.name);
    return;
  }
  Blake3 hasher;
  std::vector<char> buffer(buffer_size(from.fd));
  for (;;) {
    const ssize_t count = ::read(from.fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw StoreError(errno_message(fmt::format("cannot read {}", from.name), errno));
    if (count == 0) break;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    hasher.update(bytes);
    write_all(to.fd, bytes, to.name);
  }
  if (hasher.finish() != digest) throw_damaged(from.name);
}

void copy_blob(const Store& store, const BlobId& id, const std::filesystem::path& to) {
  auto from = store.open_blob(id);
  auto file = open_at(AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0444);
  if (::fchmod(file.get(), 0444) != 0)
    throw StoreError(errno_message(fmt::format("cannot set the mode of {}", in_store(to)), errno));
  copy_verified({from.get(), fmt::format("the blob {}", id.hex())}, {file.get(), in_store(to)}, id.digest());
}

std::string verified(std::string text, const Digest& digest, std::string_view what) {
  if (blake3(text) != digest) throw_damaged(what);
  return text;
}

void require_listed(int fd, std::string_view text, const std::filesystem::path& tree, const Listing& listing) {
  const std::filesystem::path path = target_of(fmt::format("/proc/self/fd/{}", fd));
  const auto* entry = listing.find(path.lexically_relative(tree).native());
  if (entry && entry->type == EntryType::hardlink) entry = listing.find(entry->target);
  if (!entry || entry->type != EntryType::regular || blake3(text) != entry->content) throw_damaged(in_store(path));
}

void require_intact(const std::filesystem::path& path, const Entry& entry) {
  switch (entry.type) {
    case EntryType::regular:
    case EntryType::hardlink: return require_intact_file(path, entry);
    case EntryType::symlink:
      if (target_of(path) != entry.target) throw_damaged(in_store(path));
      return;
    default: return;
  }
}

}  // namespace karapace::store
