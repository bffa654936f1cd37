// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/command_loop.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/owner_tracker.hpp"
#include "runtime/sandbox/small_text.hpp"
#include "runtime/sandbox/syscalls.hpp"

namespace karapace::runtime {
namespace {

/// What a command's standard streams become.
struct Streams {
  int terminal = -1;
  int output = -1;
  int no_input = -1;
};

/// A missing interpreter and a missing file both give ENOENT; only the first has the file.
const char* explain(int error, const char* path) noexcept {
  // access(2), as the filter may send stat(2) to process 1, which waits for this process.
  const bool lacks_interpreter = error == ENOENT && ::access(path, F_OK) == 0;
  return lacks_interpreter ? "its interpreter is missing" : "";
}

class Starter {
 public:
  Starter(const PreparedSandbox& sandbox, const Reporter& reporter, Streams streams) noexcept
      : sandbox_(sandbox), reporter_(reporter), streams_(streams) {}

  pid_t start(std::uint32_t index) const noexcept {
    // The child only makes system calls until it executes, so it may borrow this process's memory.
    const pid_t pid = ::vfork();
    if (pid == 0) become(index);
    return pid;
  }

 private:
  [[noreturn]] void become(std::uint32_t index) const noexcept {
    const auto& command = sandbox_.commands[index];
    take_streams();
    // A new terminal starts like a login; elsewhere what the caller ignores (nohup) stays ignored.
    if (sandbox_.plan->purpose == Purpose::step || streams_.terminal >= 0) reset_signals();
    ::sigprocmask(SIG_SETMASK, &sandbox_.signal_mask, nullptr);
    if (::chdir(command.working_directory) != 0) give_up(index, errno, command.working_directory);
    sys::close_range_on_exec(3);
    execute(index, command);
  }

  void take_streams() const noexcept {
    if (streams_.terminal >= 0) {
      ::setsid();
      ::ioctl(streams_.terminal, TIOCSCTTY, 0);
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(streams_.terminal, fd);
      return;
    }
    if (streams_.output < 0) return;
    ::dup2(streams_.no_input, STDIN_FILENO);
    ::dup2(streams_.output, STDOUT_FILENO);
    ::dup2(streams_.output, STDERR_FILENO);
  }

  static void reset_signals() noexcept {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  }

  [[noreturn]] void execute(std::uint32_t index, const PreparedCommand& command) const noexcept {
    const char* name = command.argv.front();
    if (std::strchr(name, '/') != nullptr) {
      ::execve(name, command.argv.data(), command.environment.data());
      give_up(index, errno, name);
    }
    // As execvp(3): the first one that can be executed; EACCES is remembered while looking on.
    int error = ENOENT;
    for (const char* entry = command.search_path; *entry != '\0';) {
      const auto length = std::strcspn(entry, ":");
      SmallText<4096> path;
      path.add(length == 0 ? "." : entry, length == 0 ? 1 : length).add("/").add(name);
      if (path.whole()) ::execve(path.text(), command.argv.data(), command.environment.data());
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) give_up(index, errno, path.text());
      if (errno == EACCES) error = EACCES;
      if (errno == ENOENT && ::access(path.text(), F_OK) == 0) give_up(index, ENOENT, path.text());
      entry += length;
      if (*entry == ':') ++entry;
    }
    give_up(index, error, name);
  }

  [[noreturn]] void give_up(std::uint32_t index, int error, const char* object) const noexcept {
    SmallText<900> text;
    text.add(object, strnlen(object, 700));
    if (const char* reason = explain(error, object); *reason != '\0') text.add(" (").add(reason).add(")");
    reporter_.not_started(index, error, text.text());
    ::_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
  }

  const PreparedSandbox& sandbox_;
  const Reporter& reporter_;
  Streams streams_;
};

Fd signal_descriptor() noexcept {
  sigset_t signals = forwarded_signals();
  ::sigaddset(&signals, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// The command's exit status once it is among the dead; -1 before.
int reap(pid_t command) noexcept {
  int found = -1;
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == command) found = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return found;
}

void handle_signals(int signals, pid_t command) noexcept {
  signalfd_siginfo information{};
  while (::read(signals, &information, sizeof information) == sizeof information) {
    const auto signal = static_cast<int>(information.ssi_signo);
    // A terminal's signal reaches the command by itself, and signals from inside are not for passing on.
    const bool from_outside = information.ssi_code != SI_KERNEL && information.ssi_pid == 0;
    if (signal != SIGCHLD && from_outside) ::kill(command, signal);
  }
}

int wait_for(pid_t command, int signals, OwnerTracker& owners) noexcept {
  while (true) {
    if (const int status = reap(command); status >= 0) return status;
    pollfd sources[] = {{signals, POLLIN, 0}, {owners.listener(), POLLIN, 0}};
    if (::poll(sources, 2, -1) < 0) continue;
    if ((sources[0].revents & POLLIN) != 0) handle_signals(signals, command);
    if ((sources[1].revents & POLLIN) != 0) owners.answer();
  }
}

}  // namespace

void run_commands(const PreparedSandbox& sandbox, const Reporter& reporter, int listener, int terminal) noexcept {
  Streams streams{terminal, sandbox.plan->output, -1};
  Fd null;
  if (streams.output >= 0) null = sys::openat2(AT_FDCWD, "/dev/null", O_RDONLY, 0, 0);
  streams.no_input = null.get();
  const Fd signals = signal_descriptor();
  if (!signals) reporter.fail("receive signals", "signalfd");
  const Starter starter(sandbox, reporter, streams);
  OwnerTracker owners(listener);
  for (std::uint32_t index = 0; index < sandbox.commands.size(); ++index) {
    const pid_t command = starter.start(index);
    if (command < 0) reporter.fail("start a process for", sandbox.commands[index].argv.front());
    const int status = wait_for(command, signals.get(), owners);
    reporter.finished(index, status);
    if (status != 0) break;
  }
  ::_exit(0);
}

}  // namespace karapace::runtime
