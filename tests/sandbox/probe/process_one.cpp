// SPDX-License-Identifier: Apache-2.0
// one.*: process 1, which is Karapace's own and stands between the commands and the host. Whatever it holds, everything
// inside would hold. LXC (CVE-2016-8649), runc (CVE-2016-9962, CVE-2019-5736, CVE-2024-21626) and bubblewrap
// (CVE-2016-8659, CVE-2026-41163) were each left through a process of the runtime that could be read or traced.
#include <csignal>
#include <cstdint>

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

constexpr int most_descriptors = 64;

int process_one() { return static_cast<int>(::syscall(SYS_pidfd_open, 1, 0)); }

/// The way of issue 7: the report socket, or a directory of the store, straight out of process 1.
Outcome steal_descriptors(const Facts&) {
  const int process = process_one();
  if (process < 0) return failed();
  int refusal = EBADF;
  for (int fd = 0; fd < most_descriptors; ++fd) {
    if (::syscall(SYS_pidfd_getfd, process, fd, 0) >= 0) return allowed("descriptor " + std::to_string(fd));
    if (errno != EBADF) refusal = errno;
  }
  errno = refusal;
  return failed();
}

/// CVE-2024-21626: a directory of the host behind a descriptor, or behind the working directory.
Outcome walk_descriptors(const Facts& facts) {
  Outcome worst = {Result::refused, "none can be opened"};
  for (int fd = 0; fd < most_descriptors; ++fd) {
    for (const char* below : {"", "/.."}) {
      const auto path = "/proc/1/fd/" + std::to_string(fd) + below;
      const int directory = ::open(path.c_str(), O_PATH | O_CLOEXEC);
      if (directory < 0) continue;
      worst = climb_attempt(directory, facts);
      if (worst.result == Result::allowed) return worst;
      ::close(directory);
    }
  }
  return worst;
}

Outcome climb_from(const char* path, const Facts& facts) {
  const int directory = ::open(path, O_PATH | O_CLOEXEC);
  return directory < 0 ? failed() : climb_attempt(directory, facts);
}

bool has_mapping(const std::string& line, std::uintptr_t& begin) {
  std::uintptr_t end = 0;
  char access[5] = {};
  return std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, access) == 3 && access[0] == 'r';
}

/// Where process 1 has memory; where its map is hidden, a place that programs mostly have.
std::uintptr_t address_in_process_one() {
  const auto map = read_text("/proc/1/maps");
  std::uintptr_t begin = 0;
  return map.ok && has_mapping(map.bytes.substr(0, map.bytes.find('\n')), begin) ? begin : 0x400000;
}

Outcome read_memory(const Facts&) {
  char bytes[8];
  const iovec here{bytes, sizeof bytes};
  const iovec there{reinterpret_cast<void*>(address_in_process_one()), sizeof bytes};
  return judged(::process_vm_readv(1, &here, 1, &there, 1, 0));
}

Outcome write_memory(const Facts&) {
  // Nothing is written: there is no memory at that address, and the permission is looked at first.
  char byte = 0;
  const iovec here{&byte, 1};
  const iovec there{reinterpret_cast<void*>(8), 1};
  return judged_by_filter(::process_vm_writev(1, &here, 1, &there, 1, 0));
}

Outcome advise_memory(const Facts&) {
  const iovec there{reinterpret_cast<void*>(address_in_process_one() & ~std::uintptr_t{4095}), 4096};
  return judged(::syscall(SYS_process_madvise, process_one(), &there, 1, MADV_COLD, 0));
}

Outcome open_memory(int flags) {
  const int memory = ::open("/proc/1/mem", flags | O_CLOEXEC);
  if (memory < 0) return failed();
  char byte = 0;
  const auto where = static_cast<off_t>(address_in_process_one());
  return ::pread(memory, &byte, 1, where) == 1 || flags != O_RDONLY ? allowed("open") : failed();
}

Outcome survive_signals(const Facts&) {
  for (int signal = 1; signal <= SIGRTMAX; ++signal)
    if (signal != SIGUSR1 && ::kill(1, signal) != 0 && errno != EINVAL) return failed();
  ::usleep(20'000);
  const auto state = read_text("/proc/1/stat").bytes;
  const auto name_end = state.rfind(')');
  const bool stopped =
      name_end != std::string::npos && std::string_view("TtZX").find(state.at(name_end + 2)) != std::string_view::npos;
  return stopped || ::kill(1, 0) != 0 ? allowed("it stopped") : contained("it lives");
}

Outcome readable_link(const std::string& path) {
  char target[256];
  const auto length = ::readlink(path.c_str(), target, sizeof target);
  return length < 0 ? failed() : allowed(std::string(target, static_cast<std::size_t>(length)));
}

/// Files of process 1 that only who may trace it can read.
void add_guarded_files(Attempts& all) {
  for (const char* name : {"environ", "maps", "smaps", "auxv", "stack", "syscall", "io", "pagemap", "personality",
                           "task/1/environ", "task/1/maps"}) {
    all.push_back(
        {"one.read-" + label(name), [name](const Facts&) { return read_attempt(std::string("/proc/1/") + name); }});
  }
}

void add_links(Attempts& all) {
  for (const char* name : {"exe", "root", "cwd", "ns/user", "ns/mnt", "ns/pid", "ns/net", "ns/cgroup"}) {
    all.push_back(
        {"one.link-" + label(name), [name](const Facts&) { return readable_link(std::string("/proc/1/") + name); }});
  }
}

/// Files that steer process 1, with bytes that change nothing.
void add_writable_files(Attempts& all) {
  for (const char* name : {"oom_score_adj", "uid_map", "gid_map", "setgroups", "timerslack_ns", "attr/current"}) {
    all.push_back({"one.write-" + label(name), [name](const Facts&) {
                     auto outcome = rewrite_attempt(std::string("/proc/1/") + name);
                     if (outcome.result == Result::allowed) outcome.result = Result::contained;
                     return outcome;
                   }});
  }
}

}  // namespace

Attempts process_one_attempts() {
  Attempts all{
      {"one.pidfd-getfd", steal_descriptors},  // the way out of joined sessions
      {"one.walk-descriptors", walk_descriptors},
      // Their numbers alone tell nothing.
      {"one.list-descriptors",
       [](const Facts&) {
         auto outcome = list_attempt("/proc/1/fd");
         if (outcome.result == Result::allowed) outcome.result = Result::contained;
         return outcome;
       }},
      {"one.read-fdinfo", [](const Facts&) { return read_attempt("/proc/1/fdinfo/3"); }},
      {"one.climb-root", [](const Facts& facts) { return climb_from("/proc/1/root", facts); }},
      {"one.climb-cwd", [](const Facts& facts) { return climb_from("/proc/1/cwd", facts); }},
      {"one.climb-task-root", [](const Facts& facts) { return climb_from("/proc/1/task/1/root", facts); }},
      {"one.list-map-files", [](const Facts&) { return list_attempt("/proc/1/map_files"); }},
      {"one.ptrace-attach", [](const Facts&) { return judged(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr)); }},
      {"one.ptrace-seize", [](const Facts&) { return judged(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr)); }},
      {"one.vm-read", read_memory},
      {"one.vm-write", write_memory},
      {"one.vm-advise", advise_memory},
      {"one.mem-read", [](const Facts&) { return open_memory(O_RDONLY); }},
      {"one.mem-write", [](const Facts&) { return open_memory(O_RDWR); }},
      {"one.task-mem", [](const Facts&) { return judged(::open("/proc/1/task/1/mem", O_RDWR | O_CLOEXEC)); }},
      {"one.clear-refs",
       [](const Facts&) { return judged_as_own(::open("/proc/1/clear_refs", O_WRONLY | O_CLOEXEC)); }},
      // CVE-2019-5736: the runtime's program, overwritten through its running process.
      {"one.exe-write", [](const Facts&) { return judged(::open("/proc/1/exe", O_WRONLY | O_CLOEXEC)); }},
      {"one.exe-read", [](const Facts&) { return judged(::open("/proc/1/exe", O_RDONLY | O_CLOEXEC)); }},
      {"one.kcmp", [](const Facts&) { return judged(::syscall(SYS_kcmp, ::getpid(), 1, KCMP_FILES, 0, 0)); }},
      {"one.robust-list",
       [](const Facts&) {
         void* head = nullptr;
         std::size_t length = 0;
         return judged(::syscall(SYS_get_robust_list, 1, &head, &length));
       }},
      {"one.move-pages",
       [](const Facts&) {
         void* page = reinterpret_cast<void*>(address_in_process_one());
         int status = 0;
         return judged(::syscall(SYS_move_pages, 1, 1, &page, nullptr, &status, 0));
       }},
      {"one.setns", [](const Facts&) { return judged(::setns(process_one(), CLONE_NEWNS | CLONE_NEWPID)); }},
      {"one.all-signals", survive_signals},
      // Its limits, priority and processors are the sandbox's own, like those of any process inside.
      {"one.limits",
       [](const Facts&) {
         rlimit old{};
         if (::prlimit(1, RLIMIT_NPROC, nullptr, &old) != 0) return failed();
         return judged_as_own(::prlimit(1, RLIMIT_NPROC, &old, nullptr));
       }},
      {"one.priority", [](const Facts&) { return judged_as_own(::setpriority(PRIO_PROCESS, 1, 0)); }},
      {"one.scheduler",
       [](const Facts&) {
         sched_param parameters{};
         return judged_as_own(::sched_setscheduler(1, SCHED_OTHER, &parameters));
       }},
      // Anybody may read it, so it must say nothing: CVE-2020-14370 is about words that leak.
      {"one.cmdline-store", [](const Facts& facts) { return search_attempt("/proc/1/cmdline", facts.at("store")); }},
      {"one.mounts-store", [](const Facts& facts) { return search_attempt("/proc/1/mountinfo", facts.at("store")); }},
      {"one.cmdline-empty",
       [](const Facts&) {
         const auto words = read_text("/proc/1/cmdline");
         if (!words.ok) return failed();
         return words.bytes.find_first_not_of('\0') == std::string::npos ? contained("empty") : allowed(words.bytes);
       }},
  };
  add_guarded_files(all);
  add_links(all);
  add_writable_files(all);
  return all;
}

}  // namespace karapace::probe
