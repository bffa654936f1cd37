// SPDX-License-Identifier: Apache-2.0
// Entering a user namespace.
//
// A process may write its own map only for its own id. Wider maps are written by somebody in the parent namespace: in
// `root` mode by this process, in `subid` mode by newuidmap(1) and newgidmap(1). So the namespace is made together with
// a process that holds it, mapped from here, and entered.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/id_helpers.hpp"
#include "runtime/sandbox/id_mode.hpp"
#include "runtime/sys/syscalls.hpp"
#include "store/error.hpp"
#include "store/fd.hpp"

namespace karapace::runtime {
namespace {

struct Pipe {
  Fd reader;
  Fd writer;
};

Pipe pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SandboxError(errno_message("sandbox: cannot make a pipe", errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string map_text(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const auto& range : ranges) text += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  return text;
}

int write_file(const char* path, std::string_view text) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto written = ::write(fd, text.data(), text.size());
  const int error = written == static_cast<ssize_t>(text.size()) ? 0 : errno;
  ::close(fd);
  return error;
}

bool file_says(const char* path, char value) {
  const auto text = read_file_if_exists(path);
  return text && !text->empty() && text->front() == value;
}

/// What stands behind a refused unshare(CLONE_NEWUSER), with the way out.
std::string refusal(int error) {
  if (file_says("/proc/sys/kernel/unprivileged_userns_clone", '0'))
    return "this kernel allows user namespaces to root only; ask the administrator to run: sysctl -w "
           "kernel.unprivileged_userns_clone=1";
  if (error == ENOSPC || file_says("/proc/sys/user/max_user_namespaces", '0'))
    return "the limit of user namespaces is reached (user.max_user_namespaces); ask the administrator to run: sysctl "
           "-w "
           "user.max_user_namespaces=15000";
  if (error == EINVAL) return "this process has several threads, or the kernel was built without user namespaces";
  if (error == EUSERS) return "user namespaces are nested too deep (32 levels)";
  if (error == EPERM)
    return "a policy refuses user namespaces; in a container allow them, for example: podman run --security-opt "
           "seccomp=unconfined, or docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined";
  return std::strerror(error);
}

/// AppArmor (Ubuntu 23.10 and later) lets the namespace be made but takes its capabilities away.
std::string map_refusal(int error) {
  if (file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
    return "AppArmor restricts unprivileged user namespaces; give karapace a profile with \"userns,\", or ask the "
           "administrator to run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  return std::strerror(error);
}

void unshare_user() {
  if (::unshare(CLONE_NEWUSER) == 0) return;
  const int error = errno;
  throw SandboxError(fmt::format("sandbox: cannot make a user namespace: {}", refusal(error)));
}

void write_own_map(const char* path, const std::string& text) {
  if (const int error = write_file(path, text); error != 0)
    throw SandboxError(fmt::format("sandbox: cannot write {}: {}", path, map_refusal(error)));
}

void enter_single(const IdPlan& plan) {
  unshare_user();
  write_own_map("/proc/self/setgroups", "deny");
  write_own_map("/proc/self/uid_map", map_text(plan.uids));
  write_own_map("/proc/self/gid_map", map_text(plan.gids));
}

int exit_status(pid_t pid) {
  int status = 0;
  pid_t ended = -1;
  while ((ended = ::waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
  }
  return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// A new user namespace and the process that keeps it until it is entered. That shares this process's memory, as copying
/// that would take longer than all the rest, on a stack of its own; it does nothing but wait for its end of a pipe.
class NewUserNamespace {
 public:
  NewUserNamespace() : pipe_(pipe()), ends_{pipe_.reader.get(), pipe_.writer.get()} {
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);
    // Inherited: no handler of this process may run there.
    ::sigprocmask(SIG_SETMASK, &all, &old);
    keeper_ = ::clone(keep, stack_.data() + stack_.size(), CLONE_VM | CLONE_NEWUSER | SIGCHLD, &ends_);
    const int error = errno;
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
    if (keeper_ < 0) throw SandboxError(fmt::format("sandbox: cannot make a user namespace: {}", refusal(error)));
  }
  ~NewUserNamespace() {
    pipe_.writer.reset();
    exit_status(keeper_);
  }
  NewUserNamespace(const NewUserNamespace&) = delete;
  NewUserNamespace& operator=(const NewUserNamespace&) = delete;

  pid_t keeper() const noexcept { return keeper_; }
  void enter() const {
    const Fd process = sys::pidfd_open(keeper_);
    if (!process || sys::setns(process.get(), CLONE_NEWUSER) != 0)
      throw SandboxError(fmt::format("sandbox: cannot enter a user namespace: {}", refusal(errno)));
  }

 private:
  struct Ends {
    int reader;
    int writer;
  };
  static int keep(void* argument) noexcept {
    const Ends ends = *static_cast<const Ends*>(argument);
    ::close(ends.writer);  // its own copy of the descriptor: the read ends when this process's is closed
    char byte = 0;
    ::_exit(static_cast<int>(::read(ends.reader, &byte, 1)));
  }

  Pipe pipe_;
  Ends ends_;  // unlike the pipe they stay as they are while the keeper lives
  alignas(16) std::array<char, 16384> stack_;
  pid_t keeper_ = -1;
};

void map_directly(const IdPlan& plan, pid_t keeper) {
  for (const auto& [name, ranges] : {std::pair("uid_map", &plan.uids), std::pair("gid_map", &plan.gids)})
    if (const int error = write_file(fmt::format("/proc/{}/{}", keeper, name).c_str(), map_text(*ranges)); error != 0)
      throw SandboxError(fmt::format("sandbox: cannot write the maps of ids: {}", map_refusal(error)));
}

/// newuidmap(1) or newgidmap(1), at work.
class MapTool {
 public:
  MapTool(std::string_view name, pid_t keeper, const std::vector<IdRange>& ranges) : messages_(pipe()) {
    const auto path = find_id_helper(name);
    if (!path) throw SandboxError(fmt::format("sandbox: {} is missing; install it (Debian: apt install uidmap)", name));
    words_ = {*path, std::to_string(keeper)};
    for (const auto& range : ranges)
      for (const unsigned value : {range.inside, range.outside, range.count}) words_.push_back(std::to_string(value));
    start();
  }
  MapTool(const MapTool&) = delete;
  MapTool& operator=(const MapTool&) = delete;
  ~MapTool() {
    if (process_ > 0) exit_status(process_);
  }

  /// Waits for its end. SandboxError with what it said when it failed.
  void finish() {
    auto said = read_all(messages_.reader.get(), "the messages of newuidmap");
    const int status = exit_status(std::exchange(process_, -1));
    if (status == 0) return;
    while (said.ends_with('\n')) said.pop_back();
    throw SandboxError(fmt::format("sandbox: {} failed ({}); check /etc/subuid and /etc/subgid, or set KARAPACE_ID_MODE=single",
                                   words_.front(), said.empty() ? fmt::format("exit status {}", status) : said));
  }

 private:
  void start() {
    std::vector<char*> argv;
    for (auto& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    char* const no_variables[] = {nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, messages_.writer.get(), STDERR_FILENO);
    const int error = ::posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), no_variables);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw SandboxError(errno_message(fmt::format("sandbox: cannot start {}", argv[0]), error));
    messages_.writer.reset();
  }

  Pipe messages_;
  std::vector<std::string> words_;
  pid_t process_ = -1;
};

void map_by_tools(const IdPlan& plan, pid_t keeper) {
  MapTool users("newuidmap", keeper, plan.uids);
  MapTool groups("newgidmap", keeper, plan.gids);
  users.finish();
  groups.finish();
}

void enter_mapped(const IdPlan& plan) {
  const NewUserNamespace created;
  if (plan.mode == IdMode::subid)
    map_by_tools(plan, created.keeper());
  else
    map_directly(plan, created.keeper());
  created.enter();
}

}  // namespace

void enter_user_namespace(const IdPlan& plan) {
  if (plan.mode == IdMode::single)
    enter_single(plan);
  else
    enter_mapped(plan);
}

}  // namespace karapace::runtime
