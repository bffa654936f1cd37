// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/owner_record.hpp"

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/sandbox/owner_call.hpp"
#include "runtime/sandbox/small_text.hpp"

namespace karapace::runtime {
namespace {

constexpr const char* owner_attribute = "user.karapace.owner";
constexpr std::uint32_t largest_id = 65535;  // as with subordinate ids, where others are EINVAL

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

Owner recorded(const char* path) noexcept {
  char text[32];
  const auto size = ::getxattr(path, owner_attribute, text, sizeof text);
  Owner owner;
  if (size <= 0) return owner;
  const char* end = text + size;
  const auto uid = std::from_chars(text, end, owner.uid);
  if (uid.ptr == end || *uid.ptr != ':') return {};
  std::from_chars(uid.ptr + 1, end, owner.gid);
  return owner;
}

/// Programs that replace a file (shadow's tools, dpkg) give the new one the owner that stat(2) shows for the old one. That
/// is always 0:0 here, so 0:0 on "NAME+" means what is recorded for NAME.
Owner meant_by_root(const char* path) noexcept {
  char name[PATH_MAX];
  const auto size = ::readlink(path, name, sizeof name - 1);
  if (size <= 0) return {};
  name[size] = '\0';
  for (const char* suffix : {"+", "-", ".dpkg-new"}) {
    const auto length = static_cast<ssize_t>(std::strlen(suffix));
    if (size <= length || std::strcmp(name + size - length, suffix) != 0) continue;
    name[size - length] = '\0';
    struct stat status {};
    if (::lstat(name, &status) == 0 && S_ISREG(status.st_mode)) return recorded(name);
    return {};
  }
  return {};
}

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

int record_owner(int file, std::uint32_t uid, std::uint32_t gid) noexcept {
  constexpr auto unchanged = OwnerCall::unchanged;
  if ((uid > largest_id && uid != unchanged) || (gid > largest_id && gid != unchanged)) return EINVAL;
  struct stat status {};
  if (::fstat(file, &status) != 0) return errno;
  const auto path = descriptor_path(file);
  if (const int error = touch(path.text(), status); error != 0) return error;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return 0;
  Owner owner = recorded(path.text());
  if (uid != unchanged) owner.uid = uid;
  if (gid != unchanged) owner.gid = gid;
  if (uid == 0 && gid == 0 && S_ISREG(status.st_mode)) owner = meant_by_root(path.text());
  if (owner.uid == 0 && owner.gid == 0) return result(::removexattr(path.text(), owner_attribute));
  SmallText<32> text;
  text.add_number(owner.uid).add(":").add_number(owner.gid);
  return result(::setxattr(path.text(), owner_attribute, text.text(), text.size(), 0));
}

}  // namespace karapace::runtime
