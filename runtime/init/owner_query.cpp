// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "runtime/init/owner_call.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

enum class Call { stat, lstat, fstat, newfstatat, statx, stat64, lstat64, fstat64, fstatat64 };

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
    {AUDIT_ARCH_I386, 195, Call::stat64},  {AUDIT_ARCH_I386, 196, Call::lstat64},
    {AUDIT_ARCH_I386, 197, Call::fstat64}, {AUDIT_ARCH_I386, 300, Call::fstatat64},
    {AUDIT_ARCH_I386, 383, Call::statx},   {AUDIT_ARCH_ARM, 397, Call::statx},
};

/// `struct stat64` as 32-bit x86 programs have it (arch/x86/include/uapi/asm/stat.h).
struct [[gnu::packed]] Stat64 {
  std::uint64_t dev = 0;
  std::uint32_t padding = 0;
  std::uint32_t low_inode = 0;
  std::uint32_t mode = 0;
  std::uint32_t links = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t rdev = 0;
  std::uint32_t more_padding = 0;
  std::int64_t size = 0;
  std::uint32_t block_size = 0;
  std::uint64_t blocks = 0;
  std::uint32_t times[6] = {};  // seconds and nanoseconds: access, modification, change
  std::uint64_t inode = 0;
};
static_assert(sizeof(Stat64) == 96);

Stat64 stat64_from(const struct stat& status) noexcept {
  Stat64 answer;
  answer.dev = status.st_dev;
  answer.low_inode = static_cast<std::uint32_t>(status.st_ino);
  answer.mode = status.st_mode;
  answer.links = static_cast<std::uint32_t>(status.st_nlink);
  answer.rdev = status.st_rdev;
  answer.size = status.st_size;
  answer.block_size = static_cast<std::uint32_t>(status.st_blksize);
  answer.blocks = static_cast<std::uint64_t>(status.st_blocks);
  answer.inode = status.st_ino;
  const timespec times[] = {status.st_atim, status.st_mtim, status.st_ctim};
  for (int i = 0; i < 3; ++i) {
    answer.times[2 * i] = static_cast<std::uint32_t>(times[i].tv_sec);
    answer.times[2 * i + 1] = static_cast<std::uint32_t>(times[i].tv_nsec);
  }
  return answer;
}

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

OwnerQuery decode(const seccomp_data& call, Call kind) noexcept {
  using Form = OwnerQuery::Form;
  OwnerQuery query;
  switch (kind) {
    case Call::stat:
    case Call::stat64: query = plain(call, true); break;
    case Call::lstat:
    case Call::lstat64: query = plain(call, false); break;
    case Call::fstat:
    case Call::fstat64: query = of_descriptor(call); break;
    case Call::newfstatat:
    case Call::fstatat64:
      query = at(call, call.args[3]);
      query.buffer = call.args[2];
      break;
    case Call::statx:
      query = at(call, call.args[2]);
      query.buffer = call.args[4];
      query.mask = static_cast<std::uint32_t>(call.args[3]);
      break;
  }
  query.form = kind == Call::statx ? Form::statx : kind >= Call::stat64 ? Form::stat64 : Form::stat;
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

}  // namespace

std::optional<OwnerQuery> decode_owner_query(const seccomp_data& call) noexcept {
  for (const auto& known : numbers) {
    if (known.architecture != call.arch || known.number != call.nr) continue;
    return decode(call, known.call);
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
  if (query.form == OwnerQuery::Form::stat64) {
    struct stat status{};
    if (sys::own_fstat(file, status) != 0) return errno;
    auto answer = stat64_from(status);
    answer.uid = uid;
    answer.gid = gid;
    return write_answer(caller, query.buffer, answer);
  }
  struct statx answer{};
  if (sys::own_statx(file, query.mask, answer) != 0) return errno;
  answer.stx_uid = uid;
  answer.stx_gid = gid;
  return write_answer(caller, query.buffer, answer);
}

}  // namespace karapace::init
