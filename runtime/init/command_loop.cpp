// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/command_loop.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "runtime/init/owner_tracker.hpp"
#include "runtime/sys/small_text.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::init {
namespace {

using sys::SmallText;

/// A missing interpreter and a missing file both give ENOENT; only the first has the file.
const char* explain(int error, const char* path) noexcept {
  // access(2), as the filter may send stat(2) to process 1, which waits for this process.
  const bool lacks_interpreter = error == ENOENT && ::access(path, F_OK) == 0;
  return lacks_interpreter ? "its interpreter is missing" : "";
}

/// fork(2); not vfork(2), as the child's stack would be this process's own.
pid_t fork_process() noexcept { return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L)); }

/// A command from the fork to its execution.
class Starter {
 public:
  Starter(const ReadPlan& plan, const Reporter& reporter) noexcept
      : header_(*plan.header), plan_(plan), reporter_(reporter) {}

  pid_t start(std::uint32_t index) const noexcept {
    const pid_t pid = fork_process();
    if (pid == 0) become(index);
    // Both sides do it, whoever is first: a signal for the group must find it as soon as this returns.
    if (pid > 0 && !has_terminal()) ::setpgid(pid, pid);
    return pid;
  }

 private:
  [[noreturn]] void become(std::uint32_t index) const noexcept {
    const auto& command = plan_.commands[index];
    take_streams();
    if (header_.resets_signals != 0) reset_signals();
    sigset_t mask{};
    mask.__val[0] = header_.signal_mask;
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::umask(header_.umask);
    if (::chdir(command.working_directory) != 0) give_up(index, errno, command.working_directory);
    sys::close_range_on_exec(3);
    execute(index, command);
  }

  bool has_terminal() const noexcept { return header_.terminal_streams != 0; }

  /// A group of its own, so that what a command sends to its group reaches nobody else, and what is sent to the group
  /// reaches all that the command started. On a terminal it leads a session, as after a login: Ctrl-Z, of which no
  /// shell above could wake it, then stops nothing (setpgid(2), "orphaned").
  void lead_group() const noexcept {
    if (!has_terminal()) {
      ::setpgid(0, 0);
    } else if (::setsid() < 0 || ::ioctl(descriptor::terminal, TIOCSCTTY, 0) != 0) {
      reporter_.fail("take the terminal", "TIOCSCTTY");
    }
  }

  void take_streams() const noexcept {
    lead_group();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
      const auto bit = std::uint32_t{1} << fd;
      if ((header_.terminal_streams & bit) != 0) ::dup2(descriptor::terminal, fd);
      if ((header_.null_streams & bit) != 0) ::dup2(descriptor::null, fd);
      if (header_.has_output != 0) ::dup2(fd == STDIN_FILENO ? descriptor::null : descriptor::output, fd);
    }
  }

  static void reset_signals() noexcept {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int signal = 1; signal <= 64; ++signal) ::sigaction(signal, &standard, nullptr);
  }

  [[noreturn]] void execute(std::uint32_t index, const PlannedCommand& command) const noexcept {
    const char* name = command.argv[0];
    if (*name == '\0') give_up(index, ENOENT, "\"\" (a command's name can not be empty)");
    if (std::memchr(name, '/', std::strlen(name)) != nullptr) {
      ::execve(name, command.argv, command.variables);
      give_up(index, errno, name);
    }
    // As execvp(3): the first one that can be executed; EACCES is remembered while looking on.
    int error = ENOENT;
    for (const char* entry = command.search_path; *entry != '\0';) {
      const auto length = std::strcspn(entry, ":");
      sys::SmallText<4096> path;
      path.add(length == 0 ? "." : entry, length == 0 ? 1 : length).add("/").add(name);
      if (path.whole()) ::execve(path.text(), command.argv, command.variables);
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) give_up(index, errno, path.text());
      if (errno == EACCES) error = EACCES;
      if (errno == ENOENT && ::access(path.text(), F_OK) == 0) give_up(index, ENOENT, path.text());
      entry += length;
      if (*entry == ':') ++entry;
    }
    give_up(index, error, name);
  }

  [[noreturn]] void give_up(std::uint32_t index, int error, const char* object) const noexcept {
    sys::SmallText<900> text;
    text.add(object, strnlen(object, 700));
    if (const char* reason = explain(error, object); *reason != '\0') text.add(" (").add(reason).add(")");
    reporter_.not_started(index, error, text.text());
    ::_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
  }

  const Header& header_;
  const ReadPlan& plan_;
  const Reporter& reporter_;
};

sigset_t passed_signals() noexcept {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT})
    ::sigaddset(&signals, signal);
  return signals;
}

Fd signal_descriptor() noexcept {
  sigset_t signals = passed_signals();
  ::sigaddset(&signals, SIGCHLD);
  // Whoever puts another group in front of a terminal is stopped by this one unless it is blocked (tcsetpgrp(3)).
  ::sigaddset(&signals, SIGTTOU);
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
    // Processes outside have no id in here; signals from inside are not for passing on. The terminal's own come here
    // before the command's group stands in front of it, and when it hangs up. SI_USER: sent to the caller's whole group
    // before this process had left it; what the process outside sent after that is lost, as one like it was waiting.
    const bool from_terminal = information.ssi_code == SI_KERNEL;
    const bool from_outside =
        information.ssi_pid == 0 && (information.ssi_code == SI_QUEUE || information.ssi_code == SI_USER);
    if (signal == SIGCHLD || signal == SIGTTOU || !(from_terminal || from_outside)) continue;
    const bool group = from_terminal || (information.ssi_code == SI_QUEUE &&
                                         information.ssi_int == static_cast<int>(SignalReach::group));
    // A terminal's stop would be ignored by a group that has no shell above it (setpgid(2), "orphaned").
    const int passed = signal == SIGTSTP ? SIGSTOP : signal;
    // Just forked, it may not lead its group yet.
    if (!group || ::kill(-command, passed) != 0) ::kill(command, passed);
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

/// What only commands need: with the last one started, the end of its streams is the end for those who read them.
void drop_streams() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) ::dup2(descriptor::null, fd);
  for (const int fd : {descriptor::null, descriptor::output, descriptor::terminal}) ::close(fd);
}

}  // namespace

void run_commands(const ReadPlan& plan, const Reporter& reporter, int listener) noexcept {
  const Fd signals = signal_descriptor();
  if (!signals) reporter.fail("receive signals", "signalfd");
  const Starter starter(plan, reporter);
  static constinit Identities identities;  // large, and empty for most sandboxes
  OwnerTracker owners(listener, identities, plan.header->directory_order - 1);
  const auto count = plan.header->commands;
  for (std::uint32_t index = 0; index < count; ++index) {
    const pid_t command = starter.start(index);
    if (command < 0) reporter.fail("start a process for", plan.commands[index].argv[0]);
    if (index + 1 == count) drop_streams();
    const int status = wait_for(command, signals.get(), owners);
    reporter.finished(index, status);
    if (status != 0) break;
  }
  ::_exit(0);
}

}  // namespace karapace::init
