// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/sandbox.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "runtime/sandbox/builder.hpp"
#include "runtime/sandbox/init_plan.hpp"
#include "runtime/sandbox/mount_executor.hpp"
#include "runtime/sandbox/supervisor.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

void check(const SandboxPlan& plan) {
  if (plan.lowers.empty() && plan.joined < 0) throw SandboxError("sandbox: there is no layer to run in");
  if (plan.lowers.size() > most_layers)
    throw SandboxError(fmt::format("sandbox: {} layers are too many; the kernel's overlay takes at most {}",
                                   plan.lowers.size(), most_layers));
  for (const auto& bind : plan.binds)
    if (!bind.source.is_absolute() || !bind.target.starts_with('/'))
      throw SandboxError(fmt::format("sandbox: cannot mount \"{}\" at \"{}\": both must be absolute paths",
                                     bind.source.string(), bind.target));
  const auto from_store = std::count_if(plan.binds.begin(), plan.binds.end(),
                                        [](const Bind& bind) { return bind.origin == BindSource::store; });
  if (!plan.host.empty() && from_store > static_cast<long>(MountExecutor::most_from_store))
    throw SandboxError(fmt::format("sandbox: {} mounts of the store are too many", from_store));
  for (const auto& command : plan.commands)
    if (command.argv.empty()) throw SandboxError("sandbox: a command has no words");
}

/// A directory among the streams is a way to the host's root, by openat(2) of "..".
void check_streams() {
  constexpr const char* names[] = {"input", "output", "error"};
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    struct stat status{};
    const bool passes = ::fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode) && (::fcntl(fd, F_GETFL) & O_PATH) == 0;
    if (!passes)
      throw SandboxError(fmt::format(
          "sandbox: standard {} is a directory, by which the host could be seen inside; redirect it", names[fd]));
  }
}

OverlayKind overlay_kind(Fd& fuse_device) {
  const char* wish = std::getenv("KARAPACE_OVERLAY");
  const std::string_view kind = wish == nullptr ? "" : wish;
  if (kind == "kernel") return OverlayKind::kernel;
  if (!kind.empty() && kind != "fuse")
    throw SandboxError(fmt::format("sandbox: KARAPACE_OVERLAY={} is none of kernel, fuse", kind));
  fuse_device = sys::openat2(AT_FDCWD, "/dev/fuse", O_RDWR, 0, 0);
  return kind == "fuse" ? OverlayKind::fuse : OverlayKind::kernel_or_fuse;
}

RootFileSystem root_file_system(const SandboxPlan& plan, Fd& fuse_device) {
  RootFileSystem root;
  for (const auto& lower : plan.lowers) root.lowers.push_back(lower.string());
  std::reverse(root.lowers.begin(), root.lowers.end());
  root.upper = plan.upper.string();
  root.work = plan.work.string();
  root.memory = plan.memory.string();
  root.is_fresh = plan.fresh_upper || !plan.memory.empty();
  root.is_volatile = plan.volatile_overlay;
  root.overlay = overlay_kind(fuse_device);
  root.fuse_device = fuse_device.get();
  root.fuse_error = fuse_device ? 0 : errno;
  return root;
}

/// What process 1 is in, beside mounts and process ids.
std::unique_ptr<NewNamespaces> inner_namespaces(const SandboxPlan& plan) {
  if (plan.joined >= 0) return {};
  auto namespaces = std::make_unique<NewNamespaces>(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                                                    (plan.network == Network::none ? CLONE_NEWNET : 0));
  namespaces->map_as_here();
  return namespaces;
}

struct Ends {
  Fd outside;
  Fd inside;
};

Ends socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw SandboxError(errno_message("sandbox: cannot make a socket", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

Ends pipe_ends() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SandboxError(errno_message("sandbox: cannot make a pipe", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

/// Process 1 as a file in memory that is nobody else's and can not be changed. From the host's own file an image could
/// get a way to the host: a command that is a link to /proc/self/exe is executed by process 1's child, whose program
/// this is (as in CVE-2019-5736).
Fd copy_of_program(const SandboxPlan& plan) {
  const auto path = plan.init.empty() ? find_program("karapace-init") : plan.init;
  const Fd program = open_at(AT_FDCWD, path, O_RDONLY);
  struct stat status{};
  if (::fstat(program.get(), &status) != 0)
    throw SandboxError(errno_message(fmt::format("sandbox: cannot look at {}", path.string()), errno));
  Fd copy = sys::memory_program("karapace-init");
  if (!copy) throw SandboxError(errno_message("sandbox: cannot make a file in memory", errno));
  for (off_t rest = status.st_size; rest > 0;) {
    const auto count = ::sendfile(copy.get(), program.get(), nullptr, static_cast<std::size_t>(rest));
    if (count <= 0) throw SandboxError(errno_message(fmt::format("sandbox: cannot copy {}", path.string()), errno));
    rest -= count;
  }
  if (sys::seal_program(copy.get()) != 0) throw SandboxError(errno_message("sandbox: cannot seal process 1", errno));
  return copy;
}

/// A person's terminal in the background must not be read from: the shell in front of it does that.
bool is_background_terminal(int fd) { return ::isatty(fd) == 1 && ::tcgetpgrp(fd) != ::getpgrp(); }

std::uint32_t terminal_streams() {
  std::uint32_t streams = 0;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::isatty(fd) == 1) streams |= std::uint32_t{1} << fd;
  return streams;
}

init::Header init_header(const SandboxPlan& plan, const Supervisor& supervisor, mode_t umask) {
  const bool step = plan.purpose == Purpose::step;
  const bool terminal = plan.terminal == Terminal::pty;
  init::Header header;
  header.signal_mask = step ? 0 : supervisor.caller_mask();
  header.owners = owner_calls(plan.id_mode, plan.purpose);
  header.umask = step ? 022 : umask;
  header.directory_order = plan.directory_order;
  header.has_output = plan.output >= 0 ? 1 : 0;
  header.terminal_streams = terminal ? terminal_streams() : 0;
  header.null_streams = !terminal && is_background_terminal(STDIN_FILENO) ? 1 : 0;
  // A new terminal starts like a login; elsewhere what the caller ignores (nohup) stays ignored.
  header.resets_signals = step || terminal ? 1 : 0;
  return header;
}

/// What is made on the way to a sandbox has the modes that it is made with.
class UsualMask {
 public:
  UsualMask() : caller_(::umask(022)) {}
  ~UsualMask() { ::umask(caller_); }
  UsualMask(const UsualMask&) = delete;
  UsualMask& operator=(const UsualMask&) = delete;
  mode_t caller() const noexcept { return caller_; }

 private:
  mode_t caller_;
};

/// A sandbox is made with more descriptors than a caller may have been left with (`ulimit -n 20`).
class RoomForFiles {
 public:
  RoomForFiles() {
    if (::getrlimit(RLIMIT_NOFILE, &caller_) != 0)
      throw SandboxError(errno_message("sandbox: cannot read the limit RLIMIT_NOFILE", errno));
    if (caller_.rlim_max < needed)
      throw SandboxError(
          fmt::format("sandbox: {} open files are allowed, and {} are needed: raise the hard limit (ulimit -Hn)",
                      caller_.rlim_max, needed));
    const rlimit raised{caller_.rlim_max, caller_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &raised);
  }
  ~RoomForFiles() { ::setrlimit(RLIMIT_NOFILE, &caller_); }
  RoomForFiles(const RoomForFiles&) = delete;
  RoomForFiles& operator=(const RoomForFiles&) = delete;
  const rlimit& caller() const noexcept { return caller_; }

 private:
  static constexpr rlim_t needed = 32;
  rlimit caller_{};
};

pid_t wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

struct Child {
  pid_t pid = -1;
  Fd process;
};

Child build(const PreparedSandbox& prepared, const Ends& socket) {
  Child child;
  child.pid = sys::clone3(CLONE_NEWNS | CLONE_NEWPID, child.process);
  if (child.pid == 0) build_sandbox(prepared, socket.inside.get(), socket.outside.get());
  if (child.pid < 0) throw SandboxError(errno_message("sandbox: cannot make new namespaces", errno));
  return child;
}

/// The process that goes there is forked; the one that it makes there is a child of this one.
Child join(const PreparedSandbox& prepared, const Ends& socket) {
  auto pids = pipe_ends();
  const pid_t guide = ::fork();
  if (guide == 0) join_sandbox(prepared, socket.inside.get(), socket.outside.get(), pids.inside.get());
  if (guide < 0) throw SandboxError(errno_message("sandbox: cannot start a process", errno));
  pids.inside.reset();
  Child child;
  const auto count = ::read(pids.outside.get(), &child.pid, sizeof child.pid);
  wait_for(guide);
  if (count != static_cast<ssize_t>(sizeof child.pid)) return {};
  // A child that nobody has waited for: the id is still its own.
  child.process = sys::pidfd_open(child.pid);
  if (!child.process) throw SandboxError(errno_message("sandbox: cannot watch process 1", errno));
  return child;
}

}  // namespace

SandboxResult run(const SandboxPlan& plan) {
  check(plan);
  if (plan.output < 0) check_streams();
  const UsualMask mask;
  const RoomForFiles files;
  Fd fuse_device;
  PreparedSandbox prepared;
  prepared.plan = &plan;
  prepared.files = files.caller();
  if (plan.joined < 0) prepared.root = root_file_system(plan, fuse_device);
  // What is hidden is so for all sessions; what is read-only may be more than for those that run already.
  prepared.host = plan.joined < 0 ? plan.host : without_hidden(plan.host);
  prepared.mounts = plan.joined < 0 ? mount_plan(plan) : process_view_plan(plan.id_mode);
  prepared.init = copy_of_program(plan);
  auto namespaces = inner_namespaces(plan);
  if (namespaces) prepared.namespaces = namespaces->process();
  Supervisor supervisor(plan, prepared);
  prepared.init_plan = init_plan_file(init_header(plan, supervisor, mask.caller()), plan.commands);
  auto socket = socket_pair();
  auto child = plan.joined < 0 ? build(prepared, socket) : join(prepared, socket);
  socket.inside.reset();
  prepared.output.reset();
  return supervisor.watch({child.pid, std::move(child.process), std::move(namespaces)}, std::move(socket.outside),
                          std::move(fuse_device));
}

}  // namespace karapace::sandbox
