// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/builder.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "runtime/init/init_plan.hpp"
#include "runtime/sandbox/mount_executor.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

namespace descriptor = init::descriptor;
using init::Report;
using init::Reporter;

constexpr int first_free = 16;  // above every number that process 1 starts with

/// Ties this process to the one outside: when that dies, this one is killed, and with it the whole sandbox.
void die_with_parent(const Reporter& reporter) noexcept {
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

bool is_of_type(int fd, long magic) noexcept {
  struct statfs status{};
  return ::fstatfs(fd, &status) == 0 && status.f_type == magic;
}

/// The user namespace that the process's own lies in (ioctl_ns(2)). EINVAL when it is in this process's.
Fd parent_user_namespace(pid_t pid) noexcept {
  sys::SmallText<40> path;
  path.add("/proc/").add_number(static_cast<unsigned long>(pid)).add("/ns/user");
  const Fd inner = sys::openat2(AT_FDCWD, path.text(), O_RDONLY, 0, 0);
  if (!inner) return Fd();
  Fd outer(::ioctl(inner.get(), NS_GET_PARENT));
  if (!outer && errno == EPERM) errno = EINVAL;
  return outer;
}

/// Those that the inner user namespace owns, beside mounts.
int shared_namespaces(const SandboxPlan& plan) noexcept {
  return CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | (plan.network == Network::none ? CLONE_NEWNET : 0);
}

/// From the copy of the host's mounts into a copy of the running session's.
void enter_running_session(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  const int namespaces = CLONE_NEWNS | shared_namespaces(*sandbox.plan);
  if (sys::setns(sandbox.plan->joined, namespaces) != 0) reporter.fail(joining, "the running session");
  if (::unshare(CLONE_NEWNS) != 0) reporter.fail("copy the mounts of", "the running session");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) reporter.fail("make mounts private", "/");
}

/// The joined sandbox's root is as it was made; only /proc must show the new pid namespace, and terminals be others.
void join_root(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  // Made here: where the only /proc has locked covers the kernel refuses another.
  Fd processes = MountExecutor::process_view(sandbox.mounts, reporter);
  enter_running_session(sandbox, reporter);
  Fd root = sys::openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
  Fd proc = sys::openat2(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  if (!root || !proc) reporter.fail("open", "/proc");
  if (!is_of_type(proc.get(), PROC_SUPER_MAGIC)) reporter.fail("find", "/proc", ESTALE);
  // What the host binds stands at the same paths here.
  change_host_view(sandbox.host, Covered::perhaps, reporter);
  MountExecutor executor(root.get(), reporter);
  executor.take(std::move(processes));
  executor.run(sandbox.mounts);
}

void build_root(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  if (sys::setns(sandbox.namespaces, shared_namespaces(*sandbox.plan)) != 0)
    reporter.fail("enter", "the new namespaces");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) reporter.fail("make mounts private", "/");
  Fd root = mount_root(sandbox.root, reporter);
  MountExecutor executor(root.get(), reporter);
  executor.take_from_store(sandbox.mounts);
  change_host_view(sandbox.host, Covered::not_yet, reporter);
  executor.run(sandbox.mounts);
  if (sandbox.plan->read_only && sys::mount_setattr(root.get(), MOUNT_ATTR_RDONLY, sys::Recursive::no) != 0)
    reporter.fail("make read-only", "/");
  if (::fchdir(root.get()) != 0) reporter.fail("enter the root", "/");
  if (sys::pivot_root_here() != 0) reporter.fail("pivot_root", "/");
  if (::umount2(".", MNT_DETACH) != 0) reporter.fail("leave the old root", "/");
  if (::chdir("/") != 0) reporter.fail("enter the root", "/");
}

/// What builds must not see of the user and the limits of the process outside.
void make_deterministic(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) reporter.fail("set the limit", "RLIMIT_CORE");
  if (sandbox.plan->id_mode != IdMode::single && ::setgroups(0, nullptr) != 0)
    reporter.fail("drop supplementary groups", "setgroups");
}

void name_host(const SandboxPlan& plan, const Reporter& reporter) noexcept {
  if (::sethostname(plan.hostname.c_str(), plan.hostname.size()) != 0)
    reporter.fail("set the host name", plan.hostname.c_str());
  if (plan.network == Network::none) bring_loopback_up(reporter);
}

/// A new terminal inside, whose master goes outside. Returns the slave.
Fd make_terminal(const TerminalLook& look, const Reporter& reporter) noexcept {
  // In a joined sandbox others have been at work: this must be the kernel's, whatever lies at that path.
  Fd master = sys::openat2(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, RESOLVE_NO_SYMLINKS);
  int unlock = 0;
  if (!master || !is_of_type(master.get(), DEVPTS_SUPER_MAGIC) || ::ioctl(master.get(), TIOCSPTLCK, &unlock) != 0)
    reporter.fail("make a terminal", "/dev/pts/ptmx");
  Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave) reporter.fail("open the terminal", "/dev/pts");
  ::tcsetattr(slave.get(), TCSANOW, &look.modes);
  ::ioctl(slave.get(), TIOCSWINSZ, &look.size);
  reporter.tell_with(Report::Kind::terminal, master.get());
  return slave;
}

bool is_null_device(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

/// The sandbox's own /dev/null, whose mode and owner can not be changed as its mount is read-only; it takes the place
/// of the host's among the streams.
Fd own_null(const Reporter& reporter) noexcept {
  Fd null = sys::openat2(AT_FDCWD, "/dev/null", O_RDWR, 0, RESOLVE_NO_SYMLINKS);
  if (!null || !is_null_device(null.get())) reporter.fail("open", "/dev/null", null ? ESTALE : errno);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (is_null_device(fd)) ::dup2(null.get(), fd);
  return null;
}

/// Moves what process 1 starts with to its numbers and closes everything else. Nothing that the caller had open may be
/// reached from inside. Returns the program's descriptor.
int arrange_descriptors(const PreparedSandbox& sandbox, int null, int terminal, const Reporter& reporter) noexcept {
  const int given[][2] = {{reporter.socket(), descriptor::report},
                          {sandbox.init_plan.get(), descriptor::plan},
                          {null, descriptor::null},
                          {sandbox.output.get(), descriptor::output},
                          {sandbox.plan->joined < 0 ? sandbox.plan->upper_lock : -1, descriptor::lock},
                          {terminal, descriptor::terminal},
                          {sandbox.init.get(), first_free - 1}};
  constexpr int count = 7;
  int moved[count];
  for (int i = 0; i < count; ++i) {
    moved[i] = given[i][0] < 0 ? -1 : ::fcntl(given[i][0], F_DUPFD_CLOEXEC, first_free);
    if (given[i][0] >= 0 && moved[i] < 0) reporter.fail("move a descriptor", "fcntl");
  }
  for (int i = 0; i < count; ++i) {
    // The program's own descriptor must not stay open in it.
    const int flags = given[i][1] == first_free - 1 ? O_CLOEXEC : 0;
    if (moved[i] < 0)
      ::close(given[i][1]);
    else
      ::dup3(moved[i], given[i][1], flags);
  }
  sys::close_range(descriptor::lock + 1, first_free - 2);
  sys::close_range(first_free, ~0U);
  return first_free - 1;
}

/// From here on the mounts are locked together, for ever: what they cover stays covered for whoever holds a descriptor
/// of something in them when they are gone.
void lock_mounts(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  const bool joins = sandbox.plan->joined >= 0;
  if (sys::setns(joins ? sandbox.plan->joined : sandbox.namespaces, CLONE_NEWUSER) != 0)
    reporter.fail(joins ? joining : "enter", "the inner user namespace");
  if (::unshare(CLONE_NEWNS) != 0) reporter.fail("lock", "the mounts");
}

[[noreturn]] void become_init(const PreparedSandbox& sandbox, const Reporter& reporter) noexcept {
  Fd terminal;
  if (sandbox.terminal) terminal = make_terminal(*sandbox.terminal, reporter);
  const Fd null = own_null(reporter);
  const int program = arrange_descriptors(sandbox, null.get(), terminal.get(), reporter);
  const Reporter moved(descriptor::report);
  // In a session of its own there is no controlling terminal, and signals for the caller's group do not arrive.
  if (::setsid() < 0) moved.fail("start a session", "setsid");
  if (sandbox.output)
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) ::dup2(descriptor::null, fd);
  if (::setrlimit(RLIMIT_NOFILE, &sandbox.files) != 0) moved.fail("set the limit", "RLIMIT_NOFILE");
  // What the caller had says nothing about who a process in here is (runtime/init/identity.hpp).
  rlimit locks{};
  if (::getrlimit(__RLIMIT_LOCKS, &locks) == 0) locks.rlim_cur = locks.rlim_max;
  if (::setrlimit(__RLIMIT_LOCKS, &locks) != 0) moved.fail("set the limit", "RLIMIT_LOCKS");
  char nothing[] = "";  // the kernel wants one argument; everybody inside can read them
  char* const argv[] = {nothing, nullptr};
  char* const variables[] = {nullptr};
  sys::execute(program, argv, variables);
  moved.fail("start", "karapace-init");
}

}  // namespace

void build_sandbox(const PreparedSandbox& sandbox, int report, int outside) noexcept {
  const Reporter reporter(report);
  ::close(outside);
  die_with_parent(reporter);
  const auto& plan = *sandbox.plan;
  if (plan.purpose == Purpose::step) make_deterministic(sandbox, reporter);
  if (plan.joined >= 0) {
    join_root(sandbox, reporter);
  } else {
    build_root(sandbox, reporter);
    name_host(plan, reporter);
  }
  lock_mounts(sandbox, reporter);
  become_init(sandbox, reporter);
}

void join_sandbox(const PreparedSandbox& sandbox, int report, int outside, int pids) noexcept {
  const Reporter reporter(report);
  const Fd outer = parent_user_namespace(sandbox.plan->joined_process);
  // The id may be another process's by now.
  if (!outer || sys::pidfd_send_signal(sandbox.plan->joined, 0) != 0) reporter.fail(joining, "the running session");
  if (sys::setns(outer.get(), CLONE_NEWUSER) != 0) reporter.fail(joining, "the running session");
  Fd process;
  const pid_t pid = sys::clone3(CLONE_PARENT | CLONE_NEWNS | CLONE_NEWPID, process);
  if (pid == 0) build_sandbox(sandbox, report, outside);
  if (pid < 0) reporter.fail("make new namespaces in", "the running session");
  const bool told = ::write(pids, &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid);
  ::_exit(told ? 0 : 1);
}

}  // namespace karapace::sandbox
