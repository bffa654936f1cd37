// SPDX-License-Identifier: Apache-2.0
// namespace.*: new ones, in which one has every capability and with them the kernel's less tried paths (CVE-2022-0185,
// CVE-2022-2588, CVE-2023-32233), and those of others.
#include <csignal>
#include <cstdint>

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

struct Kind {
  const char* name;
  std::uint64_t flag;
  const char* file;
};

constexpr std::uint64_t new_time = 0x80;

constexpr Kind kinds[] = {{"user", CLONE_NEWUSER, "user"},      {"mount", CLONE_NEWNS, "mnt"},
                          {"pid", CLONE_NEWPID, "pid"},         {"network", CLONE_NEWNET, "net"},
                          {"ipc", CLONE_NEWIPC, "ipc"},         {"name", CLONE_NEWUTS, "uts"},
                          {"cgroup", CLONE_NEWCGROUP, "cgroup"}};

Outcome cloned(long pid) {
  if (pid == 0) ::_exit(0);
  if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, __WALL);
  return judged(pid);
}

Outcome clone_with(std::uint64_t flags) {
  return cloned(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

/// Its flags are out of a filter's sight, so the whole call must not exist: any argument shows it.
Outcome clone3_with(std::uint64_t flags) {
  clone_args arguments{};
  arguments.flags = flags;
  arguments.exit_signal = SIGCHLD;
  return cloned(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

Outcome enter_own(const char* file) {
  const int fd = ::open((std::string("/proc/self/ns/") + file).c_str(), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? failed() : judged_by_filter(::setns(fd, 0));
}

}  // namespace

Attempts namespace_attempts() {
  Attempts all;
  for (const auto& kind : kinds) {
    const std::string name = kind.name;
    all.push_back({"namespace.unshare-" + name,
                   [flag = kind.flag](const Facts&) { return judged(::unshare(static_cast<int>(flag))); }});
    all.push_back({"namespace.clone-" + name, [flag = kind.flag](const Facts&) { return clone_with(flag); }});
    all.push_back({"namespace.enter-" + name, [file = kind.file](const Facts&) { return enter_own(file); }});
  }
  // The high half of the flags is not looked at by the kernel: it must not hide the low half from the filter.
  all.push_back({"namespace.unshare-user-high-bits", [](const Facts&) {
                   return judged(::syscall(SYS_unshare, CLONE_NEWUSER | (std::uint64_t{1} << 32)));
                 }});
  all.push_back({"namespace.clone-user-high-bits",
                 [](const Facts&) { return clone_with(CLONE_NEWUSER | (std::uint64_t{1} << 33)); }});
  all.push_back(
      {"namespace.clone-user-and-mount", [](const Facts&) { return clone_with(CLONE_NEWUSER | CLONE_NEWNS); }});
  all.push_back({"namespace.unshare-time", [](const Facts&) { return judged(::unshare(new_time)); }});
  all.push_back({"namespace.clone3-plain", [](const Facts&) { return clone3_with(0); }});
  all.push_back({"namespace.clone3-user", [](const Facts&) { return clone3_with(CLONE_NEWUSER); }});
  all.push_back({"namespace.clone3-into-cgroup", [](const Facts&) { return clone3_with(CLONE_INTO_CGROUP); }});
  return all;
}

}  // namespace karapace::probe
