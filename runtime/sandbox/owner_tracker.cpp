// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/owner_tracker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/sandbox/owner_call.hpp"
#include "runtime/sandbox/owner_query.hpp"
#include "runtime/sandbox/owner_record.hpp"
#include "runtime/sandbox/small_text.hpp"
#include "runtime/sandbox/syscalls.hpp"

namespace karapace::runtime {
namespace {

/// Newer kernels may fill in more than this version's structures.
template <class Message>
union Roomy {
  Message message;
  char room[512];
};

/// /proc/PID/NAME of the caller.
SmallText<64> process_file(pid_t pid, const char* name) noexcept {
  SmallText<64> path;
  path.add("/proc/").add_number(static_cast<unsigned long>(pid)).add("/").add(name);
  return path;
}

/// A string in the caller's memory. False with errno.
bool read_string(pid_t pid, std::uint64_t address, char (&text)[PATH_MAX]) noexcept {
  constexpr std::size_t page = 4096;
  std::size_t size = 0;
  while (size < sizeof text) {
    // No further than the end of a page: the next one may not be there.
    const std::size_t part = std::min(sizeof text - size, page - (address + size) % page);
    iovec here{text + size, part};
    iovec there{reinterpret_cast<void*>(address + size), part};
    const auto count = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (count <= 0) return false;
    if (std::memchr(text + size, '\0', static_cast<std::size_t>(count)) != nullptr) return true;
    size += static_cast<std::size_t>(count);
  }
  errno = ENAMETOOLONG;
  return false;
}

bool same_directory(int left, int right) noexcept {
  struct stat a {};
  struct stat b {};
  return sys::own_fstat(left, a) == 0 && sys::own_fstat(right, b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Fd open_path(const char* path, int flags = 0) noexcept {
  return sys::openat2(AT_FDCWD, path, static_cast<std::uint64_t>(O_PATH | flags), 0, 0);
}

/// What the look-up of the caller's path came to.
struct Found {
  Fd file;
  int error = 0;
  bool is_elsewhere = false;  // reached through a link of /proc that means something else for the caller
};

class CallerView {
 public:
  explicit CallerView(pid_t pid) noexcept : pid_(pid) {}

  Found find(const OwnerCall& call) const noexcept {
    if (call.path == 0) return open_base(call.directory);
    char path[PATH_MAX];
    if (!read_string(pid_, call.path, path)) return {Fd(), errno};
    if (*path == '\0' && call.may_be_empty) return open_base(call.directory);
    Found base;
    if (*path != '/') base = open_base(call.directory);
    if (base.error != 0) return base;
    return look_up(base.file.get(), path, call.follows ? 0 : O_NOFOLLOW);
  }

 private:
  Found open_base(int directory) const noexcept {
    auto path = process_file(pid_, directory == AT_FDCWD ? "cwd" : "fd/");
    if (directory != AT_FDCWD) path.add_number(static_cast<unsigned>(directory));
    Fd base = open_path(path.text());
    const int error = base ? 0 : (errno == ENOENT ? EBADF : errno);
    return {std::move(base), error};
  }

  Found look_up(int base, const char* path, int flags) const noexcept {
    const Fd root = open_path(process_file(pid_, "root").text());
    const Fd own_root = open_path("/");
    if (!root || !own_root) return {Fd(), ESRCH};
    if (same_directory(root.get(), own_root.get())) return open_at(base, path, flags);
    // The caller lives in a chroot: absolute paths and links mean something else there. Be there for the look-up.
    if (::fchdir(root.get()) != 0 || ::chroot(".") != 0) return {Fd(), errno};
    Found found = open_at(base, path, flags);
    if (::fchdir(own_root.get()) != 0 || ::chroot(".") != 0) ::_exit(1);
    return found;
  }

  static Found open_at(int base, const char* path, int flags) noexcept {
    const int directory = *path == '/' ? AT_FDCWD : base;
    const auto how = static_cast<std::uint64_t>(O_PATH | flags);
    Fd file = sys::openat2(directory, path, how, 0, RESOLVE_NO_MAGICLINKS);
    if (file) return {std::move(file)};
    const int error = errno;
    const bool is_elsewhere = error == ELOOP && sys::openat2(directory, path, how, 0, 0);
    return {Fd(), is_elsewhere ? 0 : error, is_elsewhere};
  }

  pid_t pid_;
};

/// Whether the file may have a record: a look that costs little and opens nothing, as most files have none. Only a
/// caller in a chroot is looked at closely at once.
bool may_have_record(pid_t pid, const OwnerCall& file) noexcept {
  char path[PATH_MAX] = "";
  if (file.path != 0 && !read_string(pid, file.path, path)) return false;
  if (*path == '\0' && file.path != 0 && !file.may_be_empty) return false;
  SmallText<PATH_MAX + 64> place;
  if (*path == '/') {
    char root[8];
    const auto size = ::readlink(process_file(pid, "root").text(), root, sizeof root);
    if (size != 1) return size > 0;
  } else {
    auto base = process_file(pid, file.directory == AT_FDCWD ? "cwd" : "fd/");
    if (file.directory != AT_FDCWD) base.add_number(static_cast<unsigned>(file.directory));
    place.add(base.text());
    if (*path != '\0') place.add("/");
  }
  if (!place.add(path).whole()) return true;
  // A descriptor's own name under /proc is a link to it.
  const bool follows = file.follows || *path == '\0';
  const Owner owner = recorded_owner(place.text(), follows ? LastLink::followed : LastLink::itself);
  return owner.uid != 0 || owner.gid != 0;
}

struct Answer {
  bool goes_on = false;  // into the kernel, as if nobody had asked
  int error = 0;
};

Answer answer_query(const seccomp_notif& notification, int listener, const OwnerQuery& query) noexcept {
  const auto pid = static_cast<pid_t>(notification.pid);
  if (!may_have_record(pid, query.file)) return {.goes_on = true};
  const Found found = CallerView(pid).find(query.file);
  if (found.error != 0 || found.is_elsewhere) return {.goes_on = true};
  auto id = notification.id;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return {.error = ESRCH};
  const Owner owner = recorded_owner(descriptor_path(found.file.get()).text(), LastLink::followed);
  if (owner.uid == 0 && owner.gid == 0) return {.goes_on = true};
  return {.error = answer_owner_query(pid, query, found.file.get(), owner.uid, owner.gid)};
}

int change_owner(const seccomp_notif& notification, int listener, const OwnerCall& call) noexcept {
  const Found found = CallerView(static_cast<pid_t>(notification.pid)).find(call);
  if (found.error != 0) return found.error;
  if (found.is_elsewhere) return 0;
  // Only now is it certain that the look-up was in the caller's view and not in that of a process with a reused id.
  auto id = notification.id;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return ESRCH;
  return record_owner(found.file.get(), call.uid, call.gid);
}

Answer carry_out(const seccomp_notif& notification, int listener) noexcept {
  if (const auto query = decode_owner_query(notification.data)) return answer_query(notification, listener, *query);
  if (const auto call = decode_owner_call(notification.data)) return {.error = change_owner(notification, listener, *call)};
  return {.goes_on = true};  // a question in a foreign calling convention: the owner on disk
}

}  // namespace

void OwnerTracker::answer() noexcept {
  Roomy<seccomp_notif> notification{};
  std::memset(&notification, 0, sizeof notification);
  if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) return;
  Roomy<seccomp_notif_resp> response{};
  std::memset(&response, 0, sizeof response);
  response.message.id = notification.message.id;
  const Answer answer = carry_out(notification.message, listener_);
  response.message.error = -answer.error;
  if (answer.goes_on) response.message.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace karapace::runtime
