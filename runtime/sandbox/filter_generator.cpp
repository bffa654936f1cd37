// SPDX-License-Identifier: Apache-2.0
// Writes the sandbox's seccomp filters as C++ arrays, when Karapace is built.
//
// libseccomp needs about a millisecond to compile a list of rules, more than the rest of a sandbox's set-up; so that is
// done once, here. What is refused and why stands in docs/security-model.md.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
                                   "nfsservctl",
                                   "syslog"};

/// Answered as by a kernel that lacks them, so that programs use the older call: clone3 hides its flags from a filter.
constexpr const char* absent[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

constexpr const char* owner_changes[] = {"chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32"};

constexpr const char* identity_changes[] = {"setuid",     "setgid",     "setreuid",   "setregid",    "setresuid",
                                            "setresgid",  "setfsuid",   "setfsgid",   "setgroups",   "setuid32",
                                            "setgid32",   "setreuid32", "setregid32", "setresuid32", "setresgid32",
                                            "setfsuid32", "setfsgid32", "setgroups32"};

void add_common_rules(scmp_filter_ctx context) {
  for (const char* call : refused) add(context, SCMP_ACT_ERRNO(EPERM), call);
  for (const char* call : absent) add(context, SCMP_ACT_ERRNO(ENOSYS), call);
  constexpr std::uint64_t low_half = 0xffffffff;  // the kernel looks at 32 bits of these arguments
  add_with_bits(context, "ioctl", 1, low_half, TIOCSTI);
  add_with_bits(context, "ioctl", 1, low_half, TIOCLINUX);
  add_with_bits(context, "unshare", 0, CLONE_NEWUSER, CLONE_NEWUSER);
  add_with_bits(context, "clone", 0, CLONE_NEWUSER, CLONE_NEWUSER);
}

void write_array(scmp_filter_ctx context, const char* name) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) check(-errno, "temporary file");
  check(seccomp_export_bpf(context, fileno(file)), "export");
  std::rewind(file);
  std::printf("constexpr sock_filter %s[] = {\n", name);
  sock_filter instruction{};
  while (std::fread(&instruction, sizeof instruction, 1, file) == 1)
    std::printf("    {0x%04x, %u, %u, 0x%08x},\n", instruction.code, instruction.jt, instruction.jf, instruction.k);
  std::printf("};\n");
  std::fclose(file);
}

/// Questions about owners, but for process 1's own (syscalls.hpp, own_call).
void add_owner_query(scmp_filter_ctx context, const char* call, unsigned flags_argument) {
  const scmp_arg_cmp from_others{flags_argument, SCMP_CMP_LE, 0xffffffff, 0};
  const int result = seccomp_rule_add_array(context, SCMP_ACT_NOTIFY, seccomp_syscall_resolve_name(call), 1, &from_others);
  if (result != -EDOM) check(result, call);
}

void add_owner_queries(scmp_filter_ctx context) {
  constexpr const char* plain[] = {"stat", "lstat", "fstat"};
  for (const char* call : plain) add(context, SCMP_ACT_NOTIFY, call);
  add_owner_query(context, "newfstatat", 3);
  add_owner_query(context, "statx", 2);
}

void write_filter(const char* name, bool pretend_identity, std::uint32_t owner_action) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  if (context == nullptr) check(-ENOMEM, "init");
  if (seccomp_arch_native() == SCMP_ARCH_X86_64) check(seccomp_arch_add(context, SCMP_ARCH_X86), "i386");
  if (seccomp_arch_native() == SCMP_ARCH_AARCH64) check(seccomp_arch_add(context, SCMP_ARCH_ARM), "arm");
  // Any other calling convention, such as x32, could get round the rules.
  check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "bad architecture");
  check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise");
  add_common_rules(context);
  if (owner_action != SCMP_ACT_ALLOW)
    for (const char* call : owner_changes) add(context, owner_action, call);
  if (owner_action == SCMP_ACT_NOTIFY) add_owner_queries(context);
  if (pretend_identity)
    for (const char* call : identity_changes) add(context, SCMP_ACT_ERRNO(0), call);
  write_array(context, name);
  seccomp_release(context);
}

}  // namespace

int main() {
  std::printf("// Generated by filter_generator.cpp.\n");
  write_filter("real_filter", false, SCMP_ACT_ALLOW);
  write_filter("pretended_filter", true, SCMP_ACT_ERRNO(0));
  write_filter("tracked_filter", true, SCMP_ACT_NOTIFY);
  return std::fflush(stdout) == 0 ? 0 : 1;
}
