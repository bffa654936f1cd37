// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/owner_query.hpp"

#include <cerrno>

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/stat.h>
#include <sys/uio.h>

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

}  // namespace karapace::init
