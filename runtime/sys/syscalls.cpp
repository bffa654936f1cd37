// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/syscalls.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace karapace::sys {
namespace {

Fd seccomp(unsigned long flags, const Filter& filter) noexcept {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter.count);
  program.filter = const_cast<sock_filter*>(static_cast<const sock_filter*>(filter.instructions));
  return Fd(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program)));
}

}  // namespace

Fd openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  int fd = -1;
  // RESOLVE_IN_ROOT answers EAGAIN when something was renamed meanwhile (openat2(2)).
  do {
    fd = static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how, 0, own_call));
  } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
  return Fd(fd);
}

pid_t clone3(std::uint64_t flags, Fd& pidfd) noexcept {
  int descriptor = -1;
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&descriptor);
  // CLONE_PARENT takes this process's own, which is SIGCHLD too.
  if ((flags & CLONE_PARENT) == 0) arguments.exit_signal = SIGCHLD;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid > 0) pidfd = Fd(descriptor);
  return pid;
}

Fd pidfd_open(pid_t pid) noexcept { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

Fd pidfd_getfd(int pidfd, int descriptor) noexcept {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, descriptor, 0)));
}

int setns(int fd, int namespaces) noexcept { return ::setns(fd, namespaces); }

int pidfd_send_signal(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

int pidfd_queue_signal(int pidfd, int signal, int value) noexcept {
  siginfo_t information{};
  information.si_signo = signal;
  information.si_code = SI_QUEUE;
  information.si_value.sival_int = value;
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, &information, 0));
}

int execute(int program, char* const* argv, char* const* variables) noexcept {
  return static_cast<int>(::syscall(SYS_execveat, program, "", argv, variables, AT_EMPTY_PATH));
}

Fd memory_program(const char* name) noexcept {
  constexpr unsigned executable = 0x10;  // MFD_EXEC, Linux 6.3
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = ::memfd_create(name, flags | executable);
  return Fd(fd >= 0 || errno != EINVAL ? fd : ::memfd_create(name, flags));
}

int seal_program(int program) noexcept {
  constexpr int executable = 0x20;  // F_SEAL_EXEC, Linux 6.3
  constexpr int bytes = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(program, F_ADD_SEALS, bytes | executable | F_SEAL_SEAL) == 0) return 0;
  return ::fcntl(program, F_ADD_SEALS, bytes | F_SEAL_SEAL);
}

Fd fsopen(const char* type) noexcept { return Fd(::fsopen(type, FSOPEN_CLOEXEC)); }

int fsconfig_string(int context, const char* key, const char* value) noexcept {
  return ::fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}

int fsconfig_flag(int context, const char* key) noexcept {
  return ::fsconfig(context, FSCONFIG_SET_FLAG, key, nullptr, 0);
}

int fsconfig_create(int context) noexcept { return ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0); }

Fd fsmount(int context, std::uint64_t attributes) noexcept {
  return Fd(::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
}

Fd open_tree_clone(int directory, const char* path, Recursive recursive) noexcept {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
                         (recursive == Recursive::yes ? AT_RECURSIVE : 0u);
  return Fd(::open_tree(directory, path, flags));
}

int mount_setattr(int mount, std::uint64_t set, Recursive recursive) noexcept {
  struct mount_attr attributes{};
  attributes.attr_set = set;
  const unsigned flags = AT_EMPTY_PATH | (recursive == Recursive::yes ? AT_RECURSIVE : 0u);
  return ::mount_setattr(mount, "", flags, &attributes, sizeof attributes);
}

int move_mount(int mount, int target) noexcept {
  return ::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int pivot_root_here() noexcept { return static_cast<int>(::syscall(SYS_pivot_root, ".", ".")); }

int close_range_on_exec(unsigned first) noexcept { return ::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC); }

int close_range(unsigned first, unsigned last) noexcept { return first > last ? 0 : ::close_range(first, last, 0); }

int seccomp_load(const Filter& filter) noexcept {
  // The call answers 0 without a listener, which is not a descriptor to own.
  return seccomp(0, filter).release();
}

Fd seccomp_load_with_listener(const Filter& filter) noexcept {
  // Without WAIT_KILLABLE_RECV (Linux 5.19) a signal restarts the call, and it is answered twice.
  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (Linux 6.6) would take a third off each call, but more signals come before the
  // listener has received it: of a program that starts children while it asks for files 98 of 100 instead of 65.
  Fd listener = seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, filter);
  if (listener || errno != EINVAL) return listener;
  return seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER, filter);
}

int own_fstat(int fd, struct stat& status) noexcept {
  return static_cast<int>(::syscall(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH | own_call));
}

int own_statx(int fd, unsigned mask, struct statx& status) noexcept {
  return static_cast<int>(::syscall(SYS_statx, fd, "", AT_EMPTY_PATH | own_call, mask, &status));
}

ssize_t own_getdents64(int fd, void* records, std::uint32_t size) noexcept {
  return ::syscall(SYS_getdents64, fd, records, size | own_call);
}

}  // namespace karapace::sys
