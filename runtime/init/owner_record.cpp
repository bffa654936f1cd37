// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/owner_record.hpp"

#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "runtime/init/identity.hpp"
#include "runtime/init/owner_call.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

constexpr const char* owner_attribute = "user.karapace.owner";

int result(int returned) noexcept {
  if (returned == 0 || errno == ENODATA) return 0;
  // File systems and file types without such attributes: the call succeeds and leaves no trace.
  if (errno == EOPNOTSUPP || errno == EPERM) return 0;
  return errno;
}

/// The bits that chown(2) clears: set-user-id, and set-group-id of what the group may execute.
mode_t cleared_bits(mode_t mode) noexcept {
  if (!S_ISREG(mode)) return 0;
  return S_ISUID | ((mode & S_IXGRP) != 0 ? S_ISGID : 0);
}

/// What chown(2) does besides the owner. Setting mode or times, even to what they are, makes the overlay copy the file
/// up, as the real call would: layers must be the same in every id mode.
int touch(const char* path, const struct stat& status) noexcept {
  if (S_ISLNK(status.st_mode)) {
    const timespec times[] = {status.st_atim, status.st_mtim};
    return result(::utimensat(AT_FDCWD, path, times, 0));
  }
  if (S_ISREG(status.st_mode)) ::removexattr(path, "security.capability");
  return result(::chmod(path, status.st_mode & 07777 & ~cleared_bits(status.st_mode)));
}

}  // namespace

Owner parse_owner(const char* text, std::size_t size) noexcept {
  const char* end = text + size;
  Owner owner;
  const auto uid = std::from_chars(text, end, owner.uid);
  if (uid.ptr == text || uid.ptr == end || *uid.ptr != ':') return {};
  const auto gid = std::from_chars(uid.ptr + 1, end, owner.gid);
  return gid.ptr == end && gid.ec == std::errc() && uid.ec == std::errc() ? owner : Owner{};
}

bool read_record(int file, Owner& owner) noexcept {
  char text[32];
  const auto size = ::getxattr(sys::descriptor_path(file).text(), owner_attribute, text, sizeof text);
  owner = size <= 0 ? Owner{} : parse_owner(text, static_cast<std::size_t>(size));
  return size >= 0 || errno == ENODATA;
}

Owner recorded_owner(int file) noexcept {
  Owner owner;
  read_record(file, owner);
  return owner;
}

int write_record(int file, const Owner& owner) noexcept {
  const auto path = sys::descriptor_path(file);
  if (owner.uid == 0 && owner.gid == 0) return result(::removexattr(path.text(), owner_attribute));
  sys::SmallText<32> text;
  text.add_number(owner.uid).add(":").add_number(owner.gid);
  return result(::setxattr(path.text(), owner_attribute, text.text(), text.size(), 0));
}

int record_owner(int file, std::uint32_t uid, std::uint32_t gid) noexcept {
  constexpr auto unchanged = OwnerCall::unchanged;
  if ((uid > Identity::largest_id && uid != unchanged) || (gid > Identity::largest_id && gid != unchanged))
    return EINVAL;
  struct stat status{};
  if (sys::own_fstat(file, status) != 0) return errno;
  const auto path = sys::descriptor_path(file);
  if (const int error = touch(path.text(), status); error != 0) return error;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return 0;
  Owner owner = recorded_owner(file);
  if (uid != unchanged) owner.uid = uid;
  if (gid != unchanged) owner.gid = gid;
  return write_record(file, owner);
}

}  // namespace karapace::init
