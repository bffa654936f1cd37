// SPDX-License-Identifier: Apache-2.0
// karapace-init: process 1 of every sandbox. Shuts the sandbox, runs its commands, reaps, passes signals on.
//
// It starts when the root stands (runtime/sandbox/builder.hpp), and before anything of the image runs. It is the wall's
// weakest brick, as it runs beside what is not trusted, with the same ids; so it is small, knows nothing but its plan,
// holds no descriptor that it does not need, and can be neither traced nor read nor stolen from: it is not dumpable
// and keeps CAP_SYS_PTRACE, which no command has (ptrace(2), "Ptrace access mode checking"). When it ends, for
// whatever reason, the kernel kills every process of the sandbox; it is itself killed when the process outside dies.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>

#include <linux/filter.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "runtime/init/capabilities.hpp"
#include "runtime/init/command_loop.hpp"
#include "runtime/init/init_plan.hpp"
#include "runtime/init/plan_reader.hpp"
#include "runtime/init/report.hpp"
#include "runtime/init/scope.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {

namespace {

// The seccomp filters: generated when Karapace is built (filter_generator.cpp), so that loading one costs one call.
// The generated file defines real_filter, ordered_filter, pretended_filter, tracked_filter and tracked_ordered_filter.
#include "filters.inc"

sys::Filter filter(const Header& header) noexcept {
  const bool ordered = header.directory_order != 0;
  switch (header.owners) {
    case OwnerCalls::real:
      if (ordered) return {ordered_filter, std::size(ordered_filter)};
      return {real_filter, std::size(real_filter)};
    case OwnerCalls::pretended: return {pretended_filter, std::size(pretended_filter)};
    case OwnerCalls::tracked:
      if (ordered) return {tracked_ordered_filter, std::size(tracked_ordered_filter)};
      return {tracked_filter, std::size(tracked_filter)};
  }
  std::abort();
}

/// Nothing inside can look into this process, and it dies with the one outside.
void become_private(const Reporter& reporter) noexcept {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) reporter.fail("protect process 1", "prctl");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) reporter.fail("watch the parent process", "prctl");
  // It may have died before that call; then the other end of the socket is closed.
  pollfd end{reporter.socket(), 0, 0};
  if (::poll(&end, 1, 0) > 0) ::_exit(1);
}

/// From here on nothing can be mounted, and no privilege won back. Returns the listener when calls are sent to this
/// process.
Fd shut(const Header& header, const Reporter& reporter) noexcept {
  if (!limit_capabilities()) reporter.fail("drop capabilities", "capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) reporter.fail("renounce new privileges", "prctl");
  if (!limit_scope()) reporter.fail("limit signals and sockets", "landlock");
  const auto rules = filter(header);
  const bool answers = header.owners == OwnerCalls::tracked || header.directory_order != 0;
  if (!answers) {
    if (sys::seccomp_load(rules) < 0) reporter.fail("load the filter of system calls", "seccomp");
    return Fd();
  }
  Fd listener = sys::seccomp_load_with_listener(rules);
  if (!listener) reporter.fail("load the filter of system calls", "seccomp");
  return listener;
}

}  // namespace

}  // namespace karapace::init

extern "C" [[noreturn]] void karapace_init() noexcept {
  using namespace karapace::init;
  const Reporter reporter(descriptor::report);
  become_private(reporter);
  const auto plan = read_plan(descriptor::plan);
  if (!plan.header) reporter.fail("read the plan of", "process 1", plan.error);
  const auto listener = shut(*plan.header, reporter);
  reporter.tell(Report::Kind::ready);
  run_commands(plan, reporter, listener.get());
}
