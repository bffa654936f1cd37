// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/process_one.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/sandbox/capabilities.hpp"
#include "runtime/sandbox/command_loop.hpp"
#include "runtime/sandbox/mount_executor.hpp"
#include "runtime/sandbox/syscalls.hpp"

namespace karapace::runtime {
namespace {

/// Ties this process to the one outside: when that dies, this one is killed, and with it the whole sandbox.
void die_with_parent(const Reporter& reporter, int outside) noexcept {
  ::close(outside);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) reporter.fail("watch the parent process", "prctl");
  // It may have died before that call; then the other end of the socket is closed.
  pollfd end{reporter.socket(), 0, 0};
  if (::poll(&end, 1, 0) > 0) ::_exit(1);
}

void bring_loopback_up(const Reporter& reporter) noexcept {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;  // a kernel without IPv4 has nothing to bring up
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) reporter.fail("bring up the network interface", "lo");
}

/// Nothing that the caller had open may be reached from inside. `kept` is what process 1 itself needs.
void close_inherited(std::array<int, 3> kept) noexcept {
  std::sort(kept.begin(), kept.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < static_cast<int>(first)) continue;
    sys::close_range(first, static_cast<unsigned>(fd) - 1);
    first = static_cast<unsigned>(fd) + 1;
  }
  sys::close_range(first, ~0U);
}

/// The joined sandbox's root is this process's already; only /proc must show the new pid namespace.
void refresh_process_view(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) reporter.fail("make mounts private", "/");
  // The older /proc stays below the new one: without a visible /proc the kernel refuses another.
  Fd root = sys::openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
  if (!root) reporter.fail("open", "/");
  MountExecutor(root.get(), SourceLinks::refused, reporter).run(sandbox.mounts);
}

void build_root(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) reporter.fail("make mounts private", "/");
  Fd root = mount_root(sandbox.root, reporter);
  const auto links = sandbox.plan->purpose == Purpose::session ? SourceLinks::refused : SourceLinks::followed;
  MountExecutor(root.get(), links, reporter).run(sandbox.mounts);
  if (::fchdir(root.get()) != 0) reporter.fail("enter the root", "/");
  if (sys::pivot_root_here() != 0) reporter.fail("pivot_root", "/");
  if (::umount2(".", MNT_DETACH) != 0) reporter.fail("leave the old root", "/");
  if (::chdir("/") != 0) reporter.fail("enter the root", "/");
}

/// What builds must not see of the user, the terminal and the limits of the process outside.
void make_deterministic(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  ::umask(022);
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) reporter.fail("set the limit", "RLIMIT_CORE");
  // Its own session: no controlling terminal, and signals to the caller's process group do not arrive.
  if (::setsid() < 0) reporter.fail("start a session", "setsid");
  if (sandbox.plan->id_mode != IdMode::single && ::setgroups(0, nullptr) != 0)
    reporter.fail("drop supplementary groups", "setgroups");
}

/// From here on nothing can be mounted, and no privilege won back. Returns the listener when owners are tracked.
Fd shut(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  const bool tracked = sandbox.owners == OwnerCalls::tracked;
  if (!limit_capabilities(tracked ? ProcessAccess::granted : ProcessAccess::none))
    reporter.fail("drop capabilities", "capset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) reporter.fail("renounce new privileges", "prctl");
  const auto rules = filter(sandbox.owners);
  if (!tracked) {
    if (sys::seccomp_load(rules) < 0) reporter.fail("load the filter of system calls", "seccomp");
    return Fd();
  }
  Fd listener = sys::seccomp_load_with_listener(rules);
  if (!listener) reporter.fail("load the filter of system calls", "seccomp");
  return listener;
}

void name_host(const SandboxPlan& plan, const Reporter& reporter) noexcept {
  if (::sethostname(plan.hostname.c_str(), plan.hostname.size()) != 0)
    reporter.fail("set the host name", plan.hostname.c_str());
  if (plan.network == Network::none) bring_loopback_up(reporter);
}

struct InsideTerminal {
  Fd master;
  Fd slave;
};

InsideTerminal make_terminal(const TerminalLook& look, const Reporter& reporter) noexcept {
  InsideTerminal terminal;
  terminal.master = sys::openat2(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, 0);
  int unlock = 0;
  if (!terminal.master || ::ioctl(terminal.master.get(), TIOCSPTLCK, &unlock) != 0)
    reporter.fail("make a terminal", "/dev/pts/ptmx");
  terminal.slave = Fd(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) reporter.fail("open the terminal", "/dev/pts");
  ::tcsetattr(terminal.slave.get(), TCSANOW, &look.modes);
  ::ioctl(terminal.slave.get(), TIOCSWINSZ, &look.size);
  return terminal;
}

}  // namespace

sigset_t forwarded_signals() noexcept {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) ::sigaddset(&signals, signal);
  return signals;
}

void process_one(const PreparedSandbox& sandbox, int socket, int outside) noexcept {
  const Reporter reporter(socket);
  die_with_parent(reporter, outside);
  close_inherited({socket, sandbox.plan->output, sandbox.root.fuse_device});
  const auto& plan = *sandbox.plan;
  if (plan.purpose == Purpose::step) make_deterministic(sandbox, reporter);
  if (plan.joined >= 0) {
    refresh_process_view(sandbox, reporter);
  } else {
    build_root(sandbox, reporter);
    name_host(plan, reporter);
  }
  Fd listener = shut(sandbox, reporter);
  if (!sandbox.terminal) {
    reporter.tell(Report::Kind::ready);
    run_commands(sandbox, reporter, listener.get(), -1);
  }
  InsideTerminal terminal = make_terminal(*sandbox.terminal, reporter);
  reporter.tell_with(Report::Kind::ready, terminal.master.get());
  terminal.master.reset();
  run_commands(sandbox, reporter, listener.get(), terminal.slave.get());
}

}  // namespace karapace::runtime
