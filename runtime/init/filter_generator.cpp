// SPDX-License-Identifier: Apache-2.0
// Writes the sandbox's seccomp filters as C++ arrays, when Karapace is built.
//
// libseccomp needs about a millisecond to compile a list of rules, more than the rest of a sandbox's set-up; so that is
// done once, here. What is refused and why stands in docs/security-model.md.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/sys/syscalls.hpp"

namespace {

void check(int result, const char* what) {
  if (result >= 0) return;
  std::fprintf(stderr, "filter_generator: %s: error %d\n", what, -result);
  std::exit(1);
}

/// A rule for a call that does not exist on this architecture is left out by libseccomp.
void add(scmp_filter_ctx context, std::uint32_t action, const char* call) {
  const int number = seccomp_syscall_resolve_name(call);
  if (number == __NR_SCMP_ERROR) return;
  const int result = seccomp_rule_add(context, action, number, 0);
  if (result != -EDOM) check(result, call);
}

void add_with_bits(scmp_filter_ctx context, const char* call, unsigned argument, std::uint64_t mask,
                   std::uint64_t bits) {
  const scmp_arg_cmp comparison{argument, SCMP_CMP_MASKED_EQ, mask, bits};
  const int number = seccomp_syscall_resolve_name(call);
  check(seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EPERM), number, 1, &comparison), call);
}

constexpr const char* refused[] = {"mount",
                                   "umount",
                                   "umount2",
                                   "pivot_root",
                                   "fsopen",
                                   "fsconfig",
                                   "fsmount",
                                   "fspick",
                                   "move_mount",
                                   "open_tree",
                                   "mount_setattr",
                                   "setns",
                                   "swapon",
                                   "swapoff",
                                   "reboot",
                                   "acct",
                                   "quotactl",
                                   "quotactl_fd",
                                   "settimeofday",
                                   "stime",
                                   "clock_settime",
                                   "clock_settime64",
                                   "clock_adjtime",
                                   "clock_adjtime64",
                                   "adjtimex",
                                   "kexec_load",
                                   "kexec_file_load",
                                   "init_module",
                                   "finit_module",
                                   "delete_module",
                                   "create_module",
                                   "bpf",
                                   "perf_event_open",
                                   "userfaultfd",
                                   "open_by_handle_at",
                                   "keyctl",
                                   "add_key",
                                   "request_key",
                                   "iopl",
                                   "ioperm",
                                   "vm86",
                                   "vm86old",
                                   "lookup_dcookie",
                                   "uselib",
                                   "nfsservctl",
                                   "syslog"};

/// Answered as by a kernel that lacks them, so that programs use the older call: clone3 hides its flags from a filter.
constexpr const char* absent[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

constexpr const char* owner_changes[] = {"chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32"};

constexpr const char* identity_changes[] = {"setuid",     "setgid",     "setreuid",   "setregid",    "setresuid",
                                            "setresgid",  "setfsuid",   "setfsgid",   "setgroups",   "setuid32",
                                            "setgid32",   "setreuid32", "setregid32", "setresuid32", "setresgid32",
                                            "setfsuid32", "setfsgid32", "setgroups32"};

constexpr const char* identity_questions[] = {"getuid",    "getgid",      "geteuid",     "getegid",    "getresuid",
                                              "getresgid", "getgroups",   "getuid32",    "getgid32",   "geteuid32",
                                              "getegid32", "getresuid32", "getresgid32", "getgroups32"};

/// Answered as by a kernel without that kind of socket. What is left: unix (1), inet (2), inet6 (10), netlink (16). The
/// cubes below cover all other numbers up to 63, past which the kernel knows none; `check_families` proves it.
constexpr struct {
  std::uint64_t mask;
  std::uint64_t bits;
} refused_families[] = {{0x20, 0x20},                                            // 32 to 63
                        {0x11, 0x11}, {0x12, 0x12}, {0x14, 0x14}, {0x18, 0x18},  // 17 to 31
                        {0x34, 0x04},                                            // 4 to 7, 12 to 15
                        {0x37, 0x03},                                            // 3, 11
                        {0x3f, 0x08}, {0x3f, 0x09}};

bool is_refused_family(std::uint64_t family) {
  for (const auto& cube : refused_families)
    if ((family & cube.mask) == cube.bits) return true;
  return false;
}

void check_families() {
  for (std::uint64_t family = 1; family < 64; ++family) {
    const bool allowed = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
    if (is_refused_family(family) != allowed) continue;
    std::fprintf(stderr, "filter_generator: the socket family %d is on the wrong side\n", static_cast<int>(family));
    std::exit(1);
  }
}

/// Of netlink: routes, which getifaddrs(3) asks for, and device events are left; firewalls, audit, IPsec and others are
/// not.
constexpr std::uint64_t refused_netlink[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22};

void add_socket_rules(scmp_filter_ctx context) {
  constexpr std::uint64_t low_half = 0xffffffff;  // the kernel looks at 32 bits of these arguments
  check_families();
  for (const char* call : {"socket", "socketpair"}) {
    for (const auto& [mask, bits] : refused_families) {
      const scmp_arg_cmp family{0, SCMP_CMP_MASKED_EQ, mask, bits};
      const int result =
          seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), seccomp_syscall_resolve_name(call), 1, &family);
      if (result != -EDOM) check(result, call);
    }
  }
  for (const std::uint64_t protocol : refused_netlink) {
    const scmp_arg_cmp arguments[] = {{0, SCMP_CMP_MASKED_EQ, low_half, AF_NETLINK},
                                      {2, SCMP_CMP_MASKED_EQ, low_half, protocol}};
    check(seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket), 2, arguments), "netlink");
  }
}

/// A kind of socket that makes the kernel take another family than the one that was asked for: packets (packet(7)).
void add_packet_rules(scmp_filter_ctx context) {
  constexpr std::uint64_t kind_bits = 0xf;
  const scmp_arg_cmp packet{1, SCMP_CMP_MASKED_EQ, kind_bits, SOCK_PACKET};
  check(seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &packet), "packets");
}

/// The older call of 32-bit programs, which has its arguments in memory, where no filter sees them.
void add_socketcall_rules(scmp_filter_ctx context) {
  constexpr std::uint64_t making[] = {1, 8};  // SYS_SOCKET, SYS_SOCKETPAIR of <linux/net.h>
  for (const std::uint64_t call : making) {
    const scmp_arg_cmp which{0, SCMP_CMP_MASKED_EQ, 0xffffffff, call};
    const int result = seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socketcall), 1, &which);
    if (result != -EDOM) check(result, "socketcall");
  }
}

void add_common_rules(scmp_filter_ctx context) {
  for (const char* call : refused) add(context, SCMP_ACT_ERRNO(EPERM), call);
  for (const char* call : absent) add(context, SCMP_ACT_ERRNO(ENOSYS), call);
  constexpr std::uint64_t low_half = 0xffffffff;
  add_with_bits(context, "ioctl", 1, low_half, TIOCSTI);
  add_with_bits(context, "ioctl", 1, low_half, TIOCLINUX);
  add_with_bits(context, "unshare", 0, CLONE_NEWUSER, CLONE_NEWUSER);
  add_with_bits(context, "clone", 0, CLONE_NEWUSER, CLONE_NEWUSER);
  add_socket_rules(context);
  add_packet_rules(context);
  add_socketcall_rules(context);
}

void write_instruction(const sock_filter& instruction) {
  std::printf("    {0x%04x, %u, %u, 0x%08x},\n", instruction.code, instruction.jt, instruction.jf, instruction.k);
}

/// Calls that this libseccomp has no name for; their numbers are the same on every architecture since Linux 5.1.
void write_newer_refusals() {
  constexpr std::uint32_t numbers[] = {467};  // open_tree_attr, Linux 6.15
  write_instruction(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const auto number : numbers) {
    write_instruction(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    write_instruction(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
}

void write_array(scmp_filter_ctx context, const char* name) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) check(-errno, "temporary file");
  check(seccomp_export_bpf(context, fileno(file)), "export");
  std::rewind(file);
  std::printf("constexpr sock_filter %s[] = {\n", name);
  write_newer_refusals();
  sock_filter instruction{};
  while (std::fread(&instruction, sizeof instruction, 1, file) == 1) write_instruction(instruction);
  std::printf("};\n");
  std::fclose(file);
}

/// To process 1, but not its own calls (syscalls.hpp, own_call).
void ask_others(scmp_filter_ctx context, const char* call, scmp_arg_cmp condition) {
  const int result =
      seccomp_rule_add_array(context, SCMP_ACT_NOTIFY, seccomp_syscall_resolve_name(call), 1, &condition);
  if (result != -EDOM) check(result, call);
}

constexpr std::uint64_t low_half = 0xffffffff;

void add_owner_queries(scmp_filter_ctx context) {
  constexpr const char* plain[] = {"stat", "lstat", "fstat"};
  for (const char* call : plain) add(context, SCMP_ACT_NOTIFY, call);
  // Of 32-bit programs. Process 1 is none, so it does not ask this way.
  constexpr const char* of_32_bits[] = {"stat64", "lstat64", "fstat64", "fstatat64"};
  for (const char* call : of_32_bits) add(context, SCMP_ACT_NOTIFY, call);
  ask_others(context, "newfstatat", {3, SCMP_CMP_LE, low_half, 0});
  ask_others(context, "statx", {2, SCMP_CMP_LE, low_half, 0});
}

/// What makes files and directories (runtime/init/creation.hpp).
void add_creations(scmp_filter_ctx context) {
  constexpr std::uint64_t unnamed_bit = O_TMPFILE & ~O_DIRECTORY;
  for (const std::uint64_t bit : {std::uint64_t{O_CREAT}, unnamed_bit}) {
    ask_others(context, "open", {1, SCMP_CMP_MASKED_EQ, ~low_half | bit, bit});
    ask_others(context, "openat", {2, SCMP_CMP_MASKED_EQ, ~low_half | bit, bit});
  }
  ask_others(context, "openat2", {5, SCMP_CMP_NE, karapace::sys::own_call, 0});
  ask_others(context, "mkdirat", {2, SCMP_CMP_LE, low_half, 0});
  for (const char* call : {"creat", "mkdir", "mknod", "mknodat"}) add(context, SCMP_ACT_NOTIFY, call);
}

enum class Owners { real, pretended, tracked };
enum class Directories { as_they_are, ordered };

void pretend(scmp_filter_ctx context) {
  for (const char* call : owner_changes) add(context, SCMP_ACT_ERRNO(0), call);
  for (const char* call : identity_changes) add(context, SCMP_ACT_ERRNO(0), call);
}

/// The limit that says which identity a process has (runtime/init/identity.hpp) is set by process 1 only: programs that
/// put all limits back, as pam_limits(8) does, succeed without effect on it.
void keep_identities(scmp_filter_ctx context) {
  const scmp_arg_cmp by_old_call{0, SCMP_CMP_EQ, __RLIMIT_LOCKS, 0};
  check(seccomp_rule_add_array(context, SCMP_ACT_ERRNO(0), SCMP_SYS(setrlimit), 1, &by_old_call), "setrlimit");
  const scmp_arg_cmp by_others[] = {
      {1, SCMP_CMP_EQ, __RLIMIT_LOCKS, 0}, {2, SCMP_CMP_NE, 0, 0}, {5, SCMP_CMP_NE, karapace::sys::own_call, 0}};
  check(seccomp_rule_add_array(context, SCMP_ACT_ERRNO(0), SCMP_SYS(prlimit64), 3, by_others), "prlimit64");
}

/// Process 1 answers (runtime/init/owner_tracker.hpp).
void track(scmp_filter_ctx context) {
  for (const char* call : owner_changes) add(context, SCMP_ACT_NOTIFY, call);
  for (const char* call : identity_changes) add(context, SCMP_ACT_NOTIFY, call);
  for (const char* call : identity_questions) add(context, SCMP_ACT_NOTIFY, call);
  ask_others(context, "prctl", {0, SCMP_CMP_EQ, PR_SET_KEEPCAPS, 0});
  for (const char* call : {"execve", "execveat"}) add(context, SCMP_ACT_NOTIFY, call);
  keep_identities(context);
  add_owner_queries(context);
  add_creations(context);
}

void write_filter(const char* name, Owners owners, Directories directories) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  if (context == nullptr) check(-ENOMEM, "init");
  if (seccomp_arch_native() == SCMP_ARCH_X86_64) check(seccomp_arch_add(context, SCMP_ARCH_X86), "i386");
  if (seccomp_arch_native() == SCMP_ARCH_AARCH64) check(seccomp_arch_add(context, SCMP_ARCH_ARM), "arm");
  // Any other calling convention, such as x32, could get round the rules.
  check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "bad architecture");
  check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise");
  add_common_rules(context);
  if (owners == Owners::pretended) pretend(context);
  if (owners == Owners::tracked) track(context);
  if (directories == Directories::ordered) ask_others(context, "getdents64", {2, SCMP_CMP_LE, low_half, 0});
  write_array(context, name);
  seccomp_release(context);
}

}  // namespace

int main() {
  std::printf("// Generated by filter_generator.cpp.\n");
  write_filter("real_filter", Owners::real, Directories::as_they_are);
  write_filter("ordered_filter", Owners::real, Directories::ordered);
  write_filter("pretended_filter", Owners::pretended, Directories::as_they_are);
  write_filter("tracked_filter", Owners::tracked, Directories::as_they_are);
  write_filter("tracked_ordered_filter", Owners::tracked, Directories::ordered);
  return std::fflush(stdout) == 0 ? 0 : 1;
}
