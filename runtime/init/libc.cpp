// SPDX-License-Identifier: Apache-2.0
// The part of the C library that process 1 uses, as bare system calls.
//
// A static program with the distribution's C library needs 0.4 ms to start, four times as long as one without, and
// every command in a sandbox would pay that. What is declared in the library's headers is defined here, so the rest of
// the program reads, and is tested, like any other. There are no threads: errno is a plain variable.
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)

asm(".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  and $-16, %rsp\n"
    "  call karapace_init\n");

static long raw(long number, long a, long b, long c, long d, long e, long f) noexcept {
  long result = 0;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

asm(".globl _start\n"
    "_start:\n"
    "  mov x29, #0\n"
    "  mov x30, #0\n"
    "  bl karapace_init\n");

static long raw(long number, long a, long b, long c, long d, long e, long f) noexcept {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

#else
#error "process 1 knows the system calls of x86-64 and AArch64"
#endif

namespace {

int error_number = 0;

long checked(long result) noexcept {
  if (result >= 0 || result < -4095) return result;
  error_number = static_cast<int>(-result);
  return -1;
}

template <class Value>
long word(Value value) noexcept {
  if constexpr (std::is_pointer_v<Value>)
    return reinterpret_cast<long>(value);
  else
    return static_cast<long>(value);
}

template <class... Arguments>
long call(long number, Arguments... given) noexcept {
  const long all[6] = {word(given)...};
  return checked(raw(number, all[0], all[1], all[2], all[3], all[4], all[5]));
}

constexpr std::size_t kernel_signals = 8;  // bytes of a set of signals

}  // namespace

extern "C" {

int* __errno_location() noexcept { return &error_number; }

void* memcpy(void* __restrict target, const void* __restrict source, std::size_t size) noexcept {
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
  return target;
}

void* memmove(void* target, const void* source, std::size_t size) noexcept {
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  if (to < from) return memcpy(target, source, size);
  while (size > 0) {
    --size;
    to[size] = from[size];
  }
  return target;
}

void* memset(void* target, int value, std::size_t size) noexcept {
  auto* to = static_cast<char*>(target);
  for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<char>(value);
  return target;
}

int memcmp(const void* left, const void* right, std::size_t size) noexcept {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (std::size_t i = 0; i < size; ++i)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}

/// What clang makes of a memcmp(3) that asks for equality only.
int bcmp(const void* left, const void* right, std::size_t size) noexcept { return memcmp(left, right, size); }

// The header has two overloads of C++ of this one, both under the name of the C function.
const void* found_byte(const void* bytes, int value, std::size_t size) noexcept asm("memchr");
const void* found_byte(const void* bytes, int value, std::size_t size) noexcept {
  const auto* all = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < size; ++i)
    if (all[i] == static_cast<unsigned char>(value)) return all + i;
  return nullptr;
}

std::size_t strlen(const char* text) noexcept {
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}

std::size_t strnlen(const char* text, std::size_t limit) noexcept {
  std::size_t size = 0;
  while (size < limit && text[size] != '\0') ++size;
  return size;
}

int strcmp(const char* left, const char* right) noexcept {
  while (*left != '\0' && *left == *right) ++left, ++right;
  return static_cast<unsigned char>(*left) - static_cast<unsigned char>(*right);
}

int strncmp(const char* left, const char* right, std::size_t limit) noexcept {
  for (std::size_t i = 0; i < limit; ++i) {
    if (left[i] != right[i]) return static_cast<unsigned char>(left[i]) - static_cast<unsigned char>(right[i]);
    if (left[i] == '\0') return 0;
  }
  return 0;
}

std::size_t strcspn(const char* text, const char* ends) noexcept {
  std::size_t size = 0;
  while (text[size] != '\0' && memchr(ends, text[size], strlen(ends)) == nullptr) ++size;
  return size;
}

std::size_t strspn(const char* text, const char* kept) noexcept {
  std::size_t size = 0;
  while (text[size] != '\0' && memchr(kept, text[size], strlen(kept)) != nullptr) ++size;
  return size;
}

// As with memchr(3).
const char* found_text(const char* text, const char* part) noexcept asm("strstr");
const char* found_text(const char* text, const char* part) noexcept {
  const auto size = strlen(part);
  for (; *text != '\0'; ++text)
    if (strncmp(text, part, size) == 0) return text;
  return size == 0 ? text : nullptr;
}

[[noreturn]] void abort() noexcept {
  raw(SYS_exit_group, 134, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

void _exit(int status) {
  raw(SYS_exit_group, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

long syscall(long number, ...) noexcept {
  std::va_list given;
  va_start(given, number);
  long all[6];
  for (long& argument : all) argument = va_arg(given, long);
  va_end(given);
  return checked(raw(number, all[0], all[1], all[2], all[3], all[4], all[5]));
}

/// Without a mode: nothing is created here.
int open(const char* path, int flags, ...) { return static_cast<int>(call(SYS_openat, AT_FDCWD, path, flags, 0)); }
int close(int fd) { return static_cast<int>(call(SYS_close, fd)); }
ssize_t read(int fd, void* bytes, std::size_t size) { return call(SYS_read, fd, bytes, size); }
ssize_t write(int fd, const void* bytes, std::size_t size) { return call(SYS_write, fd, bytes, size); }
int dup2(int from, int to) noexcept { return static_cast<int>(from == to ? to : call(SYS_dup3, from, to, 0)); }
int close_range(unsigned first, unsigned last, int flags) noexcept {
  return static_cast<int>(call(SYS_close_range, first, last, flags));
}
int access(const char* path, int mode) noexcept { return static_cast<int>(call(SYS_faccessat, AT_FDCWD, path, mode)); }
int chdir(const char* path) noexcept { return static_cast<int>(call(SYS_chdir, path)); }
int fchdir(int fd) noexcept { return static_cast<int>(call(SYS_fchdir, fd)); }
int chroot(const char* path) noexcept { return static_cast<int>(call(SYS_chroot, path)); }
int chmod(const char* path, mode_t mode) noexcept { return static_cast<int>(call(SYS_fchmodat, AT_FDCWD, path, mode)); }
mode_t umask(mode_t mode) noexcept { return static_cast<mode_t>(call(SYS_umask, mode)); }
pid_t setsid() noexcept { return static_cast<pid_t>(call(SYS_setsid)); }
int setpgid(pid_t pid, pid_t group) noexcept { return static_cast<int>(call(SYS_setpgid, pid, group)); }
int kill(pid_t pid, int signal) noexcept { return static_cast<int>(call(SYS_kill, pid, signal)); }

ssize_t readlink(const char* __restrict path, char* __restrict text, std::size_t size) noexcept {
  return call(SYS_readlinkat, AT_FDCWD, path, text, size);
}

ssize_t readlinkat(int directory, const char* __restrict path, char* __restrict text, std::size_t size) noexcept {
  return call(SYS_readlinkat, directory, path, text, size);
}

int fstatfs(int fd, struct statfs* status) noexcept { return static_cast<int>(call(SYS_fstatfs, fd, status)); }

int utimensat(int directory, const char* path, const timespec times[2], int flags) noexcept {
  return static_cast<int>(call(SYS_utimensat, directory, path, times, flags));
}

ssize_t getxattr(const char* path, const char* name, void* value, std::size_t size) noexcept {
  return call(SYS_getxattr, path, name, value, size);
}

ssize_t lgetxattr(const char* path, const char* name, void* value, std::size_t size) noexcept {
  return call(SYS_lgetxattr, path, name, value, size);
}

int setxattr(const char* path, const char* name, const void* value, std::size_t size, int flags) noexcept {
  return static_cast<int>(call(SYS_setxattr, path, name, value, size, flags));
}

int removexattr(const char* path, const char* name) noexcept {
  return static_cast<int>(call(SYS_removexattr, path, name));
}

int execve(const char* path, char* const argv[], char* const variables[]) noexcept {
  return static_cast<int>(call(SYS_execve, path, argv, variables));
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  std::va_list given;
  va_start(given, request);
  const long argument = va_arg(given, long);
  va_end(given);
  return static_cast<int>(call(SYS_ioctl, fd, request, argument));
}

int prctl(int option, ...) noexcept {
  std::va_list given;
  va_start(given, option);
  long all[4];
  for (long& argument : all) argument = va_arg(given, long);
  va_end(given);
  return static_cast<int>(call(SYS_prctl, option, all[0], all[1], all[2], all[3]));
}

int poll(pollfd* sources, nfds_t count, int milliseconds) {
  if (milliseconds < 0) return static_cast<int>(call(SYS_ppoll, sources, count, 0, 0, 0));
  timespec limit{milliseconds / 1000, (milliseconds % 1000) * 1'000'000L};
  return static_cast<int>(call(SYS_ppoll, sources, count, &limit, 0, 0));
}

void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  return reinterpret_cast<void*>(call(SYS_mmap, address, size, protection, flags, fd, offset));
}

int munmap(void* address, std::size_t size) noexcept { return static_cast<int>(call(SYS_munmap, address, size)); }
off_t lseek(int fd, off_t offset, int whence) noexcept { return call(SYS_lseek, fd, offset, whence); }

ssize_t sendmsg(int socket, const msghdr* message, int flags) { return call(SYS_sendmsg, socket, message, flags); }

ssize_t process_vm_readv(pid_t pid, const iovec* here, unsigned long here_count, const iovec* there,
                         unsigned long there_count, unsigned long flags) noexcept {
  return call(SYS_process_vm_readv, pid, here, here_count, there, there_count, flags);
}

ssize_t process_vm_writev(pid_t pid, const iovec* here, unsigned long here_count, const iovec* there,
                          unsigned long there_count, unsigned long flags) noexcept {
  return call(SYS_process_vm_writev, pid, here, here_count, there, there_count, flags);
}

pid_t waitpid(pid_t pid, int* status, int options) {
  return static_cast<pid_t>(call(SYS_wait4, pid, status, options, 0));
}

int sigemptyset(sigset_t* set) noexcept {
  memset(set, 0, sizeof *set);
  return 0;
}

int sigaddset(sigset_t* set, int signal) noexcept {
  set->__val[0] |= 1UL << (signal - 1);
  return 0;
}

int sigprocmask(int how, const sigset_t* __restrict set, sigset_t* __restrict old) noexcept {
  return static_cast<int>(call(SYS_rt_sigprocmask, how, set, old, kernel_signals));
}

int signalfd(int fd, const sigset_t* set, int flags) noexcept {
  return static_cast<int>(call(SYS_signalfd4, fd, set, kernel_signals, flags));
}

/// Only for SIG_DFL, which needs no restorer and has the same form for the kernel.
int sigaction(int signal, const struct sigaction* __restrict action, struct sigaction* __restrict) noexcept {
  if (action->sa_handler != SIG_DFL) abort();
  const long standard[8] = {};
  return static_cast<int>(call(SYS_rt_sigaction, signal, standard, 0, kernel_signals));
}

}  // extern "C"
