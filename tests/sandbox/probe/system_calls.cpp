// SPDX-License-Identifier: Apache-2.0
// call.*: calls of this machine that are refused, or answered as by a kernel that lacks them: wide doors into the
// kernel (keyrings: CVE-2016-0728; bpf: CVE-2021-3490; userfaultfd, io_uring: CVE-2022-29582; perf: CVE-2023-2235) and
// what steers the whole machine. mount.* and namespace.* have the rest of the filter.
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <sys/fanotify.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

Outcome open_by_handle(const Facts&) {
  // The "shocker": any file of the file system by its number. The handle is that of inode 2, mostly a root.
  struct {
    unsigned bytes = 8;
    int type = 1;
    unsigned number[2] = {2, 0};
  } handle;
  const int somewhere = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return judged_by_filter(::syscall(SYS_open_by_handle_at, somewhere, &handle, O_RDONLY));
}

Outcome open_counter(const Facts&) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.exclude_kernel = 1;
  return judged_by_filter(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

Outcome set_up_ring(const Facts&) {
  io_uring_params parameters{};
  return judged_by_filter(::syscall(SYS_io_uring_setup, 1, &parameters));
}

Outcome set_clock(const Facts&) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return judged(::clock_settime(CLOCK_REALTIME, &now));
}

Outcome set_time_of_day(const Facts&) {
  struct timezone zone{};
  return judged(::syscall(SYS_settimeofday, nullptr, &zone));
}

Outcome adjust_clock(const Facts&) {
  timex nothing{};
  return judged(::adjtimex(&nothing));
}

Outcome adjust_named_clock(const Facts&) {
  timex nothing{};
  return judged(::clock_adjtime(CLOCK_REALTIME, &nothing));
}

/// Calls whose arguments the kernel refuses for another reason, or finds to do nothing.
struct PlainCall {
  const char* name;
  long number;
  long arguments[5] = {};
};

constexpr PlainCall plain_calls[] = {
    {"keyctl", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1}},
    {"keyctl-join", SYS_keyctl, {KEYCTL_JOIN_SESSION_KEYRING, 0}},
    {"add-key", SYS_add_key},
    {"request-key", SYS_request_key},
    {"bpf-map", SYS_bpf, {0, 0, 0}},
    {"bpf-program", SYS_bpf, {5, 0, 0}},
    {"userfaultfd", SYS_userfaultfd, {O_CLOEXEC | 1}},
    {"io-uring-enter", SYS_io_uring_enter, {-1}},
    {"io-uring-register", SYS_io_uring_register, {-1}},
    {"kexec-load", SYS_kexec_load},
    {"kexec-file-load", SYS_kexec_file_load, {-1, -1}},
    {"init-module", SYS_init_module},
    {"finit-module", SYS_finit_module, {-1}},
    {"delete-module", SYS_delete_module},
    {"syslog-read", SYS_syslog, {3, 0, 0}},
    {"syslog-size", SYS_syslog, {10, 0, 0}},
    {"swapon", SYS_swapon},
    {"swapoff", SYS_swapoff},
    {"acct", SYS_acct},
    {"quotactl", SYS_quotactl},
    {"quotactl-fd", SYS_quotactl_fd, {-1}},
    {"reboot", SYS_reboot, {0, 0, 0}},  // without its magic numbers it does nothing
    {"lookup-dcookie", 212},
    {"umount2", SYS_umount2},
    {"mount", SYS_mount},
    {"setns", SYS_setns, {-1}},
    {"fanotify-content", SYS_fanotify_init, {FAN_CLASS_CONTENT}},
    {"set-host-name", SYS_sethostname, {0, 0}},
    {"set-domain-name", SYS_setdomainname, {0, 0}},
    {"open-tree-attr", 467, {-1}},  // Linux 6.15; refused by its number on older ones, too
};

#ifdef __x86_64__
constexpr PlainCall machine_calls[] = {{"iopl", SYS_iopl, {3}},
                                       {"ioperm", SYS_ioperm, {0x70, 2, 1}},
                                       {"create-module", SYS_create_module},
                                       {"nfsservctl", SYS_nfsservctl}};
#endif

void add(Attempts& all, const PlainCall& call) {
  all.push_back({std::string("call.") + call.name, [call](const Facts&) {
                   const auto& a = call.arguments;
                   return judged_by_filter(::syscall(call.number, a[0], a[1], a[2], a[3], a[4]));
                 }});
}

}  // namespace

Attempts system_call_attempts() {
  Attempts all{
      {"call.open-by-handle", open_by_handle},
      {"call.perf-event", open_counter},
      {"call.io-uring-setup", set_up_ring},
      {"call.set-clock", set_clock},
      {"call.set-time-of-day", set_time_of_day},
      {"call.adjust-clock", adjust_clock},
      {"call.adjust-named-clock", adjust_named_clock},
  };
  for (const auto& call : plain_calls) add(all, call);
#ifdef __x86_64__
  for (const auto& call : machine_calls) add(all, call);
#else
  for (const char* name : {"iopl", "ioperm", "create-module", "nfsservctl"})
    all.push_back(
        {std::string("call.") + name, [](const Facts&) { return Outcome{Result::absent, "not of this machine"}; }});
#endif
  return all;
}

}  // namespace karapace::probe
