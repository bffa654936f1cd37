// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/owner_query.hpp"

#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "runtime/init/owner_call.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

enum class Call { stat, lstat, fstat, newfstatat, statx };

struct Number {
  std::uint32_t architecture;
  int number;
  Call call;
};

constexpr Number numbers[] = {
    {AUDIT_ARCH_X86_64, 4, Call::stat},    {AUDIT_ARCH_X86_64, 5, Call::fstat},
    {AUDIT_ARCH_X86_64, 6, Call::lstat},   {AUDIT_ARCH_X86_64, 262, Call::newfstatat},
    {AUDIT_ARCH_X86_64, 332, Call::statx}, {AUDIT_ARCH_AARCH64, 79, Call::newfstatat},
    {AUDIT_ARCH_AARCH64, 80, Call::fstat}, {AUDIT_ARCH_AARCH64, 291, Call::statx},
};

OwnerQuery plain(const seccomp_data& call, bool follows) noexcept {
  OwnerQuery query;
  query.file.directory = AT_FDCWD;
  query.file.path = call.args[0];
  query.file.follows = follows;
  query.buffer = call.args[1];
  return query;
}

OwnerQuery of_descriptor(const seccomp_data& call) noexcept {
  OwnerQuery query;
  query.file.directory = static_cast<int>(call.args[0]);
  query.buffer = call.args[1];
  return query;
}

OwnerQuery at(const seccomp_data& call, std::uint64_t flags) noexcept {
  OwnerQuery query;
  query.file.directory = static_cast<int>(call.args[0]);
  query.file.path = call.args[1];
  query.file.follows = (flags & AT_SYMLINK_NOFOLLOW) == 0;
  query.file.may_be_empty = (flags & AT_EMPTY_PATH) != 0;
  query.flags = static_cast<int>(flags);
  return query;
}

template <class Answer>
int write_answer(pid_t caller, std::uint64_t address, Answer& answer) noexcept {
  iovec here{&answer, sizeof answer};
  iovec there{reinterpret_cast<void*>(address), sizeof answer};
  const auto count = ::process_vm_writev(caller, &here, 1, &there, 1, 0);
  if (count < 0) return errno;
  return static_cast<std::size_t>(count) == sizeof answer ? 0 : EFAULT;
}

constexpr const char* owner_attribute = "user.karapace.owner";
constexpr std::uint32_t largest_id = 65535;  // as with subordinate ids, where others are EINVAL

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

std::optional<OwnerQuery> decode_owner_query(const seccomp_data& call) noexcept {
  for (const auto& known : numbers) {
    if (known.architecture != call.arch || known.number != call.nr) continue;
    if (known.call == Call::stat || known.call == Call::lstat) return plain(call, known.call == Call::stat);
    if (known.call == Call::fstat) return of_descriptor(call);
    const bool statx = known.call == Call::statx;
    OwnerQuery query = at(call, call.args[statx ? 2 : 3]);
    query.form = statx ? OwnerQuery::Form::statx : OwnerQuery::Form::stat;
    query.buffer = call.args[statx ? 4 : 2];
    query.mask = static_cast<std::uint32_t>(call.args[3]);
    return query;
  }
  return std::nullopt;
}

int answer_owner_query(pid_t caller, const OwnerQuery& query, int file, std::uint32_t uid, std::uint32_t gid) noexcept {
  if (query.form == OwnerQuery::Form::stat) {
    struct stat answer{};
    if (sys::own_fstat(file, answer) != 0) return errno;
    answer.st_uid = uid;
    answer.st_gid = gid;
    return write_answer(caller, query.buffer, answer);
  }
  struct statx answer{};
  if (sys::own_statx(file, query.mask, answer) != 0) return errno;
  answer.stx_uid = uid;
  answer.stx_gid = gid;
  return write_answer(caller, query.buffer, answer);
}

Owner parse_owner(const char* text, std::size_t size) noexcept {
  const char* end = text + size;
  Owner owner;
  const auto uid = std::from_chars(text, end, owner.uid);
  if (uid.ptr == text || uid.ptr == end || *uid.ptr != ':') return {};
  const auto gid = std::from_chars(uid.ptr + 1, end, owner.gid);
  return gid.ptr == end && gid.ec == std::errc() && uid.ec == std::errc() ? owner : Owner{};
}

Owner recorded_owner(int file) noexcept {
  char text[32];
  const auto size = ::getxattr(sys::descriptor_path(file).text(), owner_attribute, text, sizeof text);
  return size <= 0 ? Owner{} : parse_owner(text, static_cast<std::size_t>(size));
}

int record_owner(int file, std::uint32_t uid, std::uint32_t gid) noexcept {
  constexpr auto unchanged = OwnerCall::unchanged;
  if ((uid > largest_id && uid != unchanged) || (gid > largest_id && gid != unchanged)) return EINVAL;
  struct stat status{};
  if (sys::own_fstat(file, status) != 0) return errno;
  const auto path = sys::descriptor_path(file);
  if (const int error = touch(path.text(), status); error != 0) return error;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return 0;
  Owner owner = recorded_owner(file);
  if (uid != unchanged) owner.uid = uid;
  if (gid != unchanged) owner.gid = gid;
  if (owner.uid == 0 && owner.gid == 0) return result(::removexattr(path.text(), owner_attribute));
  sys::SmallText<32> text;
  text.add_number(owner.uid).add(":").add_number(owner.gid);
  return result(::setxattr(path.text(), owner_attribute, text.text(), text.size(), 0));
}

}  // namespace karapace::init
