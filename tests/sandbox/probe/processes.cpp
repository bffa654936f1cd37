// SPDX-License-Identifier: Apache-2.0
// process.*: processes that are not the sandbox's, and what a process inside may make of itself.
#include <csignal>

#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

/// The group of the caller's script when there is no group of one's own: its number then can not be told in here.
Outcome signal_group(const Facts&) {
  if (::kill(0, SIGUSR1) != 0) return failed();
  return ::getpgrp() == 0 ? allowed("the group lies outside") : contained();
}

Outcome signal_everybody(const Facts&) { return judged_as_own(::kill(-1, SIGUSR1)); }

Outcome foreign_sandbox_processes(const Facts&) {
  for (const auto& name : names_in("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto command = read_text("/proc/" + name + "/cmdline").bytes;
    if (command.find("host-process") != std::string::npos || command.find("run.py") != std::string::npos)
      return allowed(name);
  }
  return contained();
}

/// The kernel knows no way back, and calls the wish malformed.
Outcome undo(int option) {
  return ::prctl(option, 0, 0, 0, 0) == 0 ? allowed() : Outcome{Result::refused, "there is no way back"};
}

bool status_line_is(const char* name, char value) {
  const auto status = read_text("/proc/self/status").bytes;
  const auto found = status.find(std::string("\n") + name + ":\t");
  return found != std::string::npos && status[status.find('\t', found) + 1] == value;
}

}  // namespace

Attempts process_attempts() {
  return {
      {"process.signal-group", signal_group},
      {"process.signal-everybody", signal_everybody},
      // Numbers of the host mean nothing in here.
      {"process.signal-host", [](const Facts& facts) { return judged(::kill(facts.number("process"), SIGUSR1)); }},
      {"process.signal-host-group", [](const Facts& facts) { return judged(::kill(-facts.number("group"), SIGUSR1)); }},
      {"process.queue-to-host",
       [](const Facts& facts) { return judged(::sigqueue(facts.number("process"), SIGUSR1, {})); }},
      {"process.open-host",
       [](const Facts& facts) { return judged(::syscall(SYS_pidfd_open, facts.number("process"), 0)); }},
      {"process.limits-of-host",
       [](const Facts& facts) {
         rlimit limit{};
         return judged(::prlimit(facts.number("process"), RLIMIT_NOFILE, nullptr, &limit));
       }},
      {"process.priority-of-host",
       [](const Facts& facts) {
         return judged(::setpriority(PRIO_PROCESS, static_cast<id_t>(facts.number("process")), 0));
       }},
      {"process.host-is-listed", foreign_sandbox_processes},
      {"process.parent-is-outside",
       [](const Facts&) {
         const int grandparent = ::getppid();
         return grandparent == 0 ? allowed("parent 0") : contained();
       }},
      {"process.group-is-outside", [](const Facts&) { return ::getpgrp() == 0 ? allowed("group 0") : contained(); }},
      {"process.session-is-outside",
       [](const Facts&) { return ::getsid(0) == 0 ? allowed("session 0") : contained(); }},
      {"process.no-new-privileges",
       [](const Facts&) { return status_line_is("NoNewPrivs", '1') ? contained("set") : allowed("not set"); }},
      {"process.filter",
       [](const Facts&) { return status_line_is("Seccomp", '2') ? contained("on") : allowed("off"); }},
      {"process.drop-filter", [](const Facts&) { return undo(PR_SET_SECCOMP); }},
      {"process.drop-no-new-privileges", [](const Facts&) { return undo(PR_SET_NO_NEW_PRIVS); }},
      // More than the caller has.
      {"process.raise-priority", [](const Facts&) { return judged(::setpriority(PRIO_PROCESS, 0, -20)); }},
      {"process.real-time",
       [](const Facts&) {
         const sched_param parameters{.sched_priority = 1};
         return judged(::sched_setscheduler(0, SCHED_FIFO, &parameters));
       }},
      {"process.raise-limit",
       [](const Facts&) {
         rlimit limit{};
         ::getrlimit(RLIMIT_NOFILE, &limit);
         limit.rlim_max += 1;
         return judged(::setrlimit(RLIMIT_NOFILE, &limit));
       }},
      // CVE-2022-2989, CVE-2022-36109. On purpose in sessions, so that shared project directories work.
      {"process.supplementary-groups",
       [](const Facts&) {
         gid_t groups[64];
         const int count = ::getgroups(64, groups);
         for (int i = 0; i < count; ++i)
           if (groups[i] != ::getgid()) return allowed(std::to_string(groups[i]));
         return contained();
       }},
      // On purpose: debuggers and old programs need them, and they change nothing but the process itself.
      {"process.personality", [](const Facts&) { return judged_as_own(::personality(ADDR_NO_RANDOMIZE)); }},
#ifdef SYS_modify_ldt
      {"process.modify-ldt",
       [](const Facts&) {
         char table[64];
         return judged_as_own(::syscall(SYS_modify_ldt, 0, table, sizeof table));
       }},
#else
      {"process.modify-ldt", [](const Facts&) { return Outcome{Result::absent, "not of this machine"}; }},
#endif
  };
}

}  // namespace karapace::probe
