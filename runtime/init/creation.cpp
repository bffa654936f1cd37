// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/creation.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/init/owner_record.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

enum class Call { open, creat, openat, openat2, mkdir, mkdirat, mknod, mknodat };

struct Number {
  std::uint32_t architecture;
  int number;
  Call call;
};

constexpr Number numbers[] = {
    {AUDIT_ARCH_X86_64, 2, Call::open},      {AUDIT_ARCH_X86_64, 83, Call::mkdir},
    {AUDIT_ARCH_X86_64, 85, Call::creat},    {AUDIT_ARCH_X86_64, 133, Call::mknod},
    {AUDIT_ARCH_X86_64, 257, Call::openat},  {AUDIT_ARCH_X86_64, 258, Call::mkdirat},
    {AUDIT_ARCH_X86_64, 259, Call::mknodat}, {AUDIT_ARCH_X86_64, 437, Call::openat2},
    {AUDIT_ARCH_I386, 5, Call::open},        {AUDIT_ARCH_I386, 8, Call::creat},
    {AUDIT_ARCH_I386, 14, Call::mknod},      {AUDIT_ARCH_I386, 39, Call::mkdir},
    {AUDIT_ARCH_I386, 295, Call::openat},    {AUDIT_ARCH_I386, 296, Call::mkdirat},
    {AUDIT_ARCH_I386, 297, Call::mknodat},   {AUDIT_ARCH_I386, 437, Call::openat2},
    {AUDIT_ARCH_AARCH64, 33, Call::mknodat}, {AUDIT_ARCH_AARCH64, 34, Call::mkdirat},
    {AUDIT_ARCH_AARCH64, 56, Call::openat},  {AUDIT_ARCH_AARCH64, 437, Call::openat2},
    {AUDIT_ARCH_ARM, 5, Call::open},         {AUDIT_ARCH_ARM, 8, Call::creat},
    {AUDIT_ARCH_ARM, 14, Call::mknod},       {AUDIT_ARCH_ARM, 39, Call::mkdir},
    {AUDIT_ARCH_ARM, 322, Call::openat},     {AUDIT_ARCH_ARM, 323, Call::mkdirat},
    {AUDIT_ARCH_ARM, 324, Call::mknodat},    {AUDIT_ARCH_ARM, 437, Call::openat2},
};

std::optional<Call> known_call(const seccomp_data& call) noexcept {
  for (const auto& known : numbers)
    if (known.architecture == call.arch && known.number == call.nr) return known.call;
  return std::nullopt;
}

constexpr int unnamed_bit = O_TMPFILE & ~O_DIRECTORY;

std::optional<CreationCall> opening(CallerPath place, int flags, mode_t mode) noexcept {
  using Kind = CreationCall::Kind;
  if ((flags & O_PATH) != 0 || (flags & (O_CREAT | unnamed_bit)) == 0) return std::nullopt;
  const Kind kind = (flags & unnamed_bit) != 0 ? Kind::unnamed_file : Kind::file;
  place.follows = kind == Kind::unnamed_file || (flags & (O_EXCL | O_NOFOLLOW)) == 0;
  return CreationCall{kind, place, flags, mode};
}

std::optional<CreationCall> opening2(pid_t caller, const CallerPath& place, const seccomp_data& call) noexcept {
  open_how how{};
  iovec here{&how, sizeof how};
  iovec there{reinterpret_cast<void*>(call.args[2]), sizeof how};
  if (call.args[3] < sizeof how || ::process_vm_readv(caller, &here, 1, &there, 1, 0) != sizeof how)
    return std::nullopt;
  auto result = opening(place, static_cast<int>(how.flags), static_cast<mode_t>(how.mode));
  if (result) result->has_limits = how.resolve != 0;
  return result;
}

std::optional<CreationCall> node(const CallerPath& place, mode_t mode) noexcept {
  if ((mode & S_IFMT) != 0 && !S_ISREG(mode)) return std::nullopt;
  return CreationCall{CreationCall::Kind::node, place, O_CREAT | O_EXCL | O_WRONLY, mode & 07777};
}

/// What a new file in a directory belongs to. False when its place keeps no records.
bool owner_in(int directory, const Identity& identity, Owner& owner) noexcept {
  struct stat status{};
  Owner parent;
  if (sys::own_fstat(directory, status) != 0 || !read_record(directory, parent)) return false;
  owner.uid = identity.user.file_system;
  owner.gid = (status.st_mode & S_ISGID) != 0 ? parent.gid : identity.group.file_system;
  return true;
}

constexpr unsigned read_bit = 4;
constexpr unsigned write_bit = 2;
constexpr unsigned search_bit = 1;

/// As the kernel judges by mode and owner (path_resolution(7)); allowed where no owners are kept.
bool may(const Identity& identity, int file, unsigned bits) noexcept {
  struct stat status{};
  Owner owner;
  if (identity.passes_modes()) return true;
  if (sys::own_fstat(file, status) != 0 || !read_record(file, owner)) return true;
  const unsigned shift = owner.uid == identity.user.file_system ? 6 : identity.has_group(owner.gid) ? 3 : 0;
  return ((status.st_mode >> shift) & bits) == bits;
}

unsigned wanted_bits(int flags) noexcept {
  const int access = flags & O_ACCMODE;
  return (access != O_WRONLY ? read_bit : 0) | (access != O_RDONLY || (flags & O_TRUNC) != 0 ? write_bit : 0);
}

/// The caller's own; process 1 makes nothing else.
class CallersMask {
 public:
  explicit CallersMask(pid_t caller) noexcept
      : before_(::umask(static_cast<mode_t>(status_number(caller, "Umask", 8, 077)))) {}
  ~CallersMask() { ::umask(before_); }
  CallersMask(const CallersMask&) = delete;
  CallersMask& operator=(const CallersMask&) = delete;

 private:
  mode_t before_;
};

Fd make_file(int directory, const char* name, const CreationCall& call) noexcept {
  const bool unnamed = call.kind == CreationCall::Kind::unnamed_file;
  const int flags = call.flags | O_CLOEXEC | O_NOFOLLOW | (unnamed ? 0 : O_CREAT | O_EXCL);
  return Fd(static_cast<int>(
      ::syscall(SYS_openat, directory, name, static_cast<unsigned>(flags) | sys::own_call, call.mode & 07777)));
}

Fd make_directory(int directory, const char* name, mode_t mode) noexcept {
  if (::syscall(SYS_mkdirat, directory, name, (mode & 07777) | sys::own_call) != 0) return Fd();
  return sys::openat2(directory, name, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0, 0);
}

CreationAnswer make(const Waiting& waiting, const CreationCall& call, int directory, const char* name,
                    const Owner& owner) noexcept {
  using Kind = CreationCall::Kind;
  const CallersMask mask(waiting.caller);
  if (!waiting.still()) return {.error = ESRCH};
  Fd made =
      call.kind == Kind::directory ? make_directory(directory, name, call.mode) : make_file(directory, name, call);
  if (!made) return {.error = errno};
  if (const int error = write_record(made.get(), owner); error != 0) return {.error = error};
  const bool is_opened = call.kind == Kind::file || call.kind == Kind::unnamed_file;
  return {.file = is_opened ? std::move(made) : Fd()};
}

CreationAnswer judge_existing(const CreationCall& call, const Identity& identity, int file) noexcept {
  struct stat status{};
  const bool opens = call.kind == CreationCall::Kind::file && (call.flags & O_EXCL) == 0;
  if (!opens || sys::own_fstat(file, status) != 0 || !S_ISREG(status.st_mode)) return {.goes_on = true};
  if (!may(identity, file, wanted_bits(call.flags))) return {.error = EACCES};
  return {.goes_on = true};
}

}  // namespace

std::optional<CreationCall> decode_creation_call(pid_t caller, const seccomp_data& call) noexcept {
  const auto known = known_call(call);
  if (!known) return std::nullopt;
  const auto* args = call.args;
  const bool has_directory =
      *known == Call::openat || *known == Call::openat2 || *known == Call::mkdirat || *known == Call::mknodat;
  CallerPath place;
  place.directory = has_directory ? static_cast<int>(*args++) : AT_FDCWD;
  place.path = *args++;
  place.follows = false;
  const auto mode = static_cast<mode_t>(*args);
  switch (*known) {
    case Call::open:
    case Call::openat: return opening(place, static_cast<int>(args[0]), static_cast<mode_t>(args[1]));
    case Call::creat: return opening(place, O_CREAT | O_WRONLY | O_TRUNC, mode);
    case Call::openat2: return opening2(caller, place, call);
    case Call::mkdir:
    case Call::mkdirat: return CreationCall{CreationCall::Kind::directory, place, 0, mode};
    case Call::mknod:
    case Call::mknodat: return node(place, mode);
  }
  return std::nullopt;
}

namespace {

FoundPlace find_place(const Waiting& waiting, const CreationCall& call) noexcept {
  if (call.kind != CreationCall::Kind::unnamed_file) return find_place_as(waiting.caller, call.place);
  FoundPlace place;
  place.directory = find_as(waiting.caller, call.place).file;
  place.name[0] = '.';
  return place;
}

CreationAnswer create_once(const Waiting& waiting, const CreationCall& call, const Identity& identity) noexcept {
  const FoundPlace place = find_place(waiting, call);
  // The kernel has its own words for what can not be found.
  if (place.error != 0 || !place.directory) return {.goes_on = true};
  if (place.asks_for_directory && call.kind != CreationCall::Kind::directory) return {.goes_on = true};
  if (place.existing) return judge_existing(call, identity, place.existing.get());
  Owner owner;
  if (!owner_in(place.directory.get(), identity, owner)) return {.goes_on = true};
  if (!may(identity, place.directory.get(), write_bit | search_bit)) return {.error = EACCES};
  if (owner.uid == 0 && owner.gid == 0) return {.goes_on = true};
  if (call.has_limits) return {.error = ENOSYS};  // programs then use the older calls
  return make(waiting, call, place.directory.get(), place.name, owner);
}

}  // namespace

CreationAnswer create_for(const Waiting& waiting, const CreationCall& call, const Identity& identity) noexcept {
  const bool may_exist = call.kind == CreationCall::Kind::file && (call.flags & O_EXCL) == 0;
  constexpr int most_attempts = 16;
  CreationAnswer answer = create_once(waiting, call, identity);
  // Somebody else was faster.
  for (int attempt = 1; may_exist && answer.error == EEXIST && attempt < most_attempts; ++attempt)
    answer = create_once(waiting, call, identity);
  return answer;
}

bool may_change_owner(int file, const Identity& identity, std::uint32_t uid, std::uint32_t gid) noexcept {
  Owner owner;
  if (identity.passes_modes() || !read_record(file, owner)) return true;
  if (owner.uid != identity.user.file_system) return false;
  const bool keeps_user = uid == Identity::unchanged || uid == owner.uid;
  return keeps_user && (gid == Identity::unchanged || gid == owner.gid || identity.has_group(gid));
}

}  // namespace karapace::init
