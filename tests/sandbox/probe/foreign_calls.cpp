// SPDX-License-Identifier: Apache-2.0
// foreign.*: the same calls by another convention, which a filter for the machine's own calls does not see: x32, and on
// x86-64 the 32-bit calls of int 0x80 with their multiplexer socketcall(2) (why docker's filter let AF_VSOCK and AF_ALG
// through for years: CVE-2026-31431).
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <linux/vm_sockets.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

struct ForeignCall {
  const char* name;
  long number;
  std::uint32_t arguments[5] = {};
};

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
constexpr ForeignCall calls[] = {
    {"mount", 21},
    {"umount", 22},
    {"umount2", 52},
    {"pivot-root", 217},
    {"fsopen", 430},
    {"fsconfig", 431, {0xffffffff}},
    {"fsmount", 432, {0xffffffff}},
    {"fspick", 433, {0xffffffff}},
    {"open-tree", 428, {0xffffffff}},
    {"open-tree-attr", 467, {0xffffffff}},
    {"move-mount", 429, {0xffffffff, 0, 0xffffffff}},
    {"mount-setattr", 442, {0xffffffff}},
    {"setns", 346, {0xffffffff}},
    {"unshare-user", 310, {CLONE_NEWUSER}},
    {"clone-user", 120, {CLONE_NEWUSER | 17}},
    {"clone3", 435},
    {"keyctl", 288, {0, 0xfffffffd, 1}},
    {"add-key", 286},
    {"request-key", 287},
    {"bpf", 357},
    {"perf-event", 336},
    {"userfaultfd", 374, {1}},
    {"io-uring-setup", 425},
    {"io-uring-enter", 426, {0xffffffff}},
    {"open-by-handle", 342, {0xffffffff}},
    {"init-module", 128},
    {"finit-module", 350, {0xffffffff}},
    {"delete-module", 129},
    {"kexec-load", 283},
    {"reboot", 88},
    {"swapon", 87},
    {"acct", 51},
    {"quotactl", 131},
    {"syslog", 103, {10}},
    {"settimeofday", 79},
    {"stime", 25},
    {"clock-settime", 264},
    {"clock-settime64", 404},
    {"adjtimex", 124},
    {"iopl", 110, {3}},
    {"ioperm", 101, {0x70, 2, 1}},
    {"vm86", 166},
    {"vm86old", 113},
    {"push-key", 54, {0, TIOCSTI, 0}},
    {"paste", 54, {0, TIOCLINUX, 0}},
};

#ifdef __x86_64__
/// A kernel without these calls kills who makes one.
bool has_32_bit_calls() {
  const pid_t child = ::fork();
  if (child == 0) {
    long result = 20;  // getpid
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status);
}

long call_32(const ForeignCall& call) {
  if (!has_32_bit_calls()) return errno = ENOSYS, -1;
  long result = call.number;
  const auto& a = call.arguments;
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(static_cast<long>(a[0])), "c"(static_cast<long>(a[1])), "d"(static_cast<long>(a[2])),
                 "S"(static_cast<long>(a[3])), "D"(static_cast<long>(a[4]))
               : "memory", "r8", "r9", "r10", "r11");
  result = static_cast<int>(result);
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

/// Arguments that socketcall(2) reads from memory, out of a filter's sight.
long socketcall_32(int family, int type) {
  void* low = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  const std::uint32_t arguments[3] = {static_cast<std::uint32_t>(family), static_cast<std::uint32_t>(type), 0};
  std::memcpy(low, arguments, sizeof arguments);
  constexpr std::uint32_t socket = 1;
  return call_32({"", 102, {socket, static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(low))}});
}

long socket_32(int family, int type) {
  return call_32({"", 359, {static_cast<std::uint32_t>(family), static_cast<std::uint32_t>(type), 0}});
}

constexpr long x32 = 0x40000000;

Outcome reached_by_x32(long number) { return judged_by_filter(::syscall(x32 + number, -1, 0, 0, 0, 0)); }
#else
long call_32(const ForeignCall&) { return errno = ENOSYS, -1; }
long socketcall_32(int, int) { return errno = ENOSYS, -1; }
long socket_32(int, int) { return errno = ENOSYS, -1; }
Outcome reached_by_x32(long) { return errno = ENOSYS, failed(); }
#endif

}  // namespace

Attempts foreign_call_attempts() {
  Attempts all;
  for (const auto& call : calls)
    all.push_back(
        {std::string("foreign.") + call.name, [&call](const Facts&) { return judged_by_filter(call_32(call)); }});
  all.push_back({"foreign.socket-vsock", [](const Facts&) { return judged(socket_32(AF_VSOCK, SOCK_STREAM)); }});
  all.push_back({"foreign.socket-packet", [](const Facts&) { return judged(socket_32(AF_PACKET, SOCK_RAW)); }});
  all.push_back(
      {"foreign.socketcall-vsock", [](const Facts&) { return judged(socketcall_32(AF_VSOCK, SOCK_STREAM)); }});
  all.push_back({"foreign.socketcall-alg", [](const Facts&) { return judged(socketcall_32(AF_ALG, SOCK_SEQPACKET)); }});
  all.push_back({"foreign.socketcall-unix", [](const Facts&) { return judged(socketcall_32(AF_UNIX, SOCK_STREAM)); }});
  all.push_back({"foreign.x32-getpid", [](const Facts&) { return reached_by_x32(SYS_getpid); }});
  all.push_back({"foreign.x32-mount", [](const Facts&) { return reached_by_x32(SYS_mount); }});
  all.push_back({"foreign.x32-ptrace", [](const Facts&) { return reached_by_x32(521); }});
  return all;
}

}  // namespace karapace::probe
