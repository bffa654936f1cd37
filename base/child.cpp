// SPDX-License-Identifier: Apache-2.0
#include "base/child.hpp"

#include <cerrno>
#include <csignal>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace {

namespace {

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// While the child has the terminal, Ctrl-C is its business: it ends itself and we report its status.
class IgnoredInterrupts {
 public:
  IgnoredInterrupts() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt_);
    ::sigaction(SIGQUIT, &ignore, &quit_);
  }
  ~IgnoredInterrupts() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  }
  IgnoredInterrupts(const IgnoredInterrupts&) = delete;
  IgnoredInterrupts& operator=(const IgnoredInterrupts&) = delete;

 private:
  struct sigaction interrupt_{};
  struct sigaction quit_{};
};

/// As execve(2) takes them.
std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

pid_t start(const ChildCommand& command, FileActions& actions, int& error) {
  auto argv = pointers_to(command.argv);
  auto variables = command.variables ? pointers_to(*command.variables) : std::vector<char*>();
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGQUIT);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  if (command.interrupts == Interrupts::for_child) ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  error = ::posix_spawnp(&pid, argv[0], actions.get(), &attributes, argv.data(),
                         command.variables ? variables.data() : environ);
  ::posix_spawnattr_destroy(&attributes);
  return pid;
}

/// Whether it ends in time.
bool ends_within(pid_t pid, std::chrono::milliseconds patience) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw Error(errno_message("cannot wait for a program", error));
  }
  const auto end = std::chrono::steady_clock::now() + patience;
  struct pollfd ended{process.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (::poll(&ended, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

/// Its status, as run_child says.
int run(const ChildCommand& command, FileActions& actions) {
  if (!command.working_directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(actions.get(), command.working_directory.c_str());
  }
  std::optional<IgnoredInterrupts> ignored;
  if (command.interrupts == Interrupts::for_child) ignored.emplace();
  int error = 0;
  pid_t pid = start(command, actions, error);
  if (error == ENOENT) return 127;
  if (error != 0) throw Error(errno_message(fmt::format("cannot run {}", command.argv[0]), error));
  const bool in_time = !command.patience || ends_within(pid, *command.patience);
  if (!in_time) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw Error(errno_message(fmt::format("cannot wait for {}", command.argv[0]), errno));
  }
  if (!in_time) return out_of_patience;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// A file in memory: unlike a pipe it never makes the other side wait.
Fd memory_file(const char* name) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw Error(errno_message("cannot make a file in memory", errno));
  return fd;
}

std::string content(const Fd& fd, std::string_view name) {
  ::lseek(fd.get(), 0, SEEK_SET);
  return read_all(fd.get(), name);
}

}  // namespace

int run_child(const ChildCommand& command) {
  FileActions actions;
  if (command.output == ChildOutput::to_stderr) ::posix_spawn_file_actions_adddup2(actions.get(), 2, 1);
  if (command.output == ChildOutput::discard) {
    ::posix_spawn_file_actions_addopen(actions.get(), 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(actions.get(), 1, 2);
  }
  return run(command, actions);
}

Captured capture_child(const ChildCommand& command, std::string_view input, ChildErrors errors_to) {
  Fd in = memory_file("input"), out = memory_file("output"), errors = memory_file("errors");
  write_all(in.get(), input, "input");
  ::lseek(in.get(), 0, SEEK_SET);
  FileActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), in.get(), 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), out.get(), 1);
  if (errors_to == ChildErrors::captured) ::posix_spawn_file_actions_adddup2(actions.get(), errors.get(), 2);
  int status = run(command, actions);
  return {status, content(out, "output"), content(errors, "errors")};
}

}  // namespace karapace
