// SPDX-License-Identifier: Apache-2.0
#include "store/entry_metadata.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "store/file_attributes.hpp"

namespace karapace::store {

namespace {

[[noreturn]] void fail(std::string_view doing, const std::string& path) {
  throw StoreError(errno_message(fmt::format("cannot {} \"{}\"", doing, path), errno));
}

void set_xattr(int fd, const char* name, std::string_view value, const std::string& path) {
  if (::fsetxattr(fd, name, value.data(), value.size(), 0) != 0) fail(fmt::format("set {} of", name), path);
}

// The kernel's answers for an id that the user namespace does not map.
bool is_unmapped(int errno_value) { return errno_value == EINVAL || errno_value == EPERM; }

/// An access control list that names ids which are not mapped is put away, as an owner is.
void set_listed(int fd, const Xattr& xattr, const std::string& path) {
  const char* elsewhere = put_away_acl(xattr.name);
  if (elsewhere == nullptr) return set_xattr(fd, xattr.name.c_str(), xattr.value, path);
  if (::fsetxattr(fd, xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) == 0) return;
  if (!is_unmapped(errno)) fail(fmt::format("set {} of", xattr.name), path);
  set_xattr(fd, elsewhere, xattr.value, path);
}

/// fchmodat(2) would follow a link that has taken the fifo's name.
void set_fifo_mode(int directory, const char* name, const Entry& entry) {
  const Fd fifo(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fifo || ::fstat(fifo.get(), &status) != 0) fail("set the mode of", entry.path);
  if (!S_ISFIFO(status.st_mode))
    throw StoreError(fmt::format("cannot set the mode of \"{}\": it is no fifo any more", entry.path));
  if (::chmod(fmt::format("/proc/self/fd/{}", fifo.get()).c_str(), entry.mode) != 0)
    fail("set the mode of", entry.path);
}

}  // namespace

void apply_metadata(int fd, const Entry& entry) {
  // Owner before mode: chown(2) clears set-id bits. Also 0:0, as a set-group-id directory hands its group on.
  if (::fchown(fd, entry.uid, entry.gid) != 0) {
    if (!is_unmapped(errno)) fail("give to its owner", entry.path);
    if (entry.uid != 0 || entry.gid != 0)
      set_xattr(fd, owner_xattr, fmt::format("{}:{}", entry.uid, entry.gid), entry.path);
  }
  for (const auto& xattr : entry.xattrs) set_listed(fd, xattr, entry.path);
  if (entry.opaque) set_xattr(fd, opaque_xattr, "y", entry.path);
  if (::fchmod(fd, entry.mode) != 0) fail("set the mode of", entry.path);
  const timespec time{entry.mtime, static_cast<long>(entry.nanoseconds)};
  const timespec times[2] = {time, time};
  if (::futimens(fd, times) != 0) fail("set the time of", entry.path);
}

void apply_link_metadata(int directory, const char* name, const Entry& entry) {
  if (::fchownat(directory, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0 && !is_unmapped(errno))
    fail("give to its owner", entry.path);
  if (entry.type == EntryType::fifo) set_fifo_mode(directory, name, entry);
  set_mtime(directory, name, entry.mtime, entry.nanoseconds);
}

void set_mtime(int directory, const char* path, std::int64_t mtime, std::uint32_t nanoseconds) {
  const timespec time{mtime, static_cast<long>(nanoseconds)};
  const timespec times[2] = {time, time};
  if (::utimensat(directory, path, times, AT_SYMLINK_NOFOLLOW) != 0) fail("set the time of", path);
}

}  // namespace karapace::store
