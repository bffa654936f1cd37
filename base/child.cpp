// SPDX-License-Identifier: Apache-2.0
#include "base/child.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
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

/// Whether execve(2) could take it.
bool is_program(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// What argv[0] names, seen from our directory; empty when there is no such program. posix_spawnp(3) would look from
/// the child's, where a relative entry of PATH, or an empty one, can lead to what somebody else has put there.
std::string program_of(const ChildCommand& command) {
  namespace fs = std::filesystem;
  const auto& name = command.argv[0];
  if (command.working_directory.empty()) return name;
  if (name.find('/') != name.npos) return fs::absolute(name);
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/bin:/usr/bin";
  for (;;) {
    const auto end = rest.find(':');
    const auto candidate = fs::absolute(fs::path(rest.substr(0, end)) / name);
    if (is_program(candidate)) return candidate;
    if (end == rest.npos) return "";
    rest.remove_prefix(end + 1);
  }
}

/// `mask`: the signals that it blocks; else ours.
pid_t start(const ChildCommand& command, FileActions& actions, int& error, const sigset_t* mask = nullptr) {
  const auto program = program_of(command);
  if (program.empty()) {
    error = ENOENT;
    return -1;
  }
  auto argv = pointers_to(command.argv);
  auto variables = command.variables ? pointers_to(*command.variables) : std::vector<char*>();
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGQUIT);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  short flags = command.interrupts == Interrupts::for_child ? POSIX_SPAWN_SETSIGDEF : 0;
  if (mask != nullptr) {
    ::posix_spawnattr_setsigmask(&attributes, mask);
    flags |= POSIX_SPAWN_SETSIGMASK;
  }
  ::posix_spawnattr_setflags(&attributes, flags);
  pid_t pid = -1;
  error = ::posix_spawnp(&pid, program.c_str(), actions.get(), &attributes, argv.data(),
                         command.variables ? variables.data() : environ);
  ::posix_spawnattr_destroy(&attributes);
  return pid;
}

/// Signals that end a program, taken from a descriptor while the value lives.
class TakenSignals {
 public:
  TakenSignals() {
    sigset_t taken;
    sigemptyset(&taken);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&taken, signal);
    ::pthread_sigmask(SIG_BLOCK, &taken, &before_);
    fd_ = Fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~TakenSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  TakenSignals(const TakenSignals&) = delete;
  TakenSignals& operator=(const TakenSignals&) = delete;

  int fd() const noexcept { return fd_.get(); }
  const sigset_t& before() const noexcept { return before_; }
  /// The next, given on to `pid` unless the terminal sent it to both.
  std::optional<int> take(pid_t pid) const {
    struct signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    if (info.ssi_code != SI_KERNEL) ::kill(pid, static_cast<int>(info.ssi_signo));
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_{};
  Fd fd_;
};

/// A terminal that changes nothing: its two ends.
struct Terminal {
  Fd ours;
  Fd childs;
};

Terminal open_terminal() {
  Terminal terminal{Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)), Fd()};
  if (terminal.ours && ::unlockpt(terminal.ours.get()) == 0)
    terminal.childs = Fd(::ioctl(terminal.ours.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  struct termios settings{};
  if (!terminal.childs || ::tcgetattr(terminal.childs.get(), &settings) != 0)
    throw Error(errno_message("cannot make a terminal", errno));
  ::cfmakeraw(&settings);
  ::tcsetattr(terminal.childs.get(), TCSANOW, &settings);
  return terminal;
}

/// Hands over what there is to read.
void drain(const Fd& fd, const ChildWatch& watch) {
  char buffer[16384];
  for (ssize_t got; (got = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    watch.output({buffer, static_cast<std::size_t>(got)});
}

int wait_for(pid_t pid, const std::string& name) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw Error(errno_message(fmt::format("cannot wait for {}", name), errno));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Until it ends: processes that it leaves behind may keep the terminal open.
std::optional<int> follow(pid_t pid, const Fd& terminal, const TakenSignals& signals, const ChildWatch& watch) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  std::optional<int> taken;
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(next - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      watch.tick();
      next = std::chrono::steady_clock::now() + watch.every;
      continue;
    }
    struct pollfd events[] = {{process.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}, {terminal.get(), POLLIN, 0}};
    ::poll(events, 3, static_cast<int>(left));
    if (events[1].revents != 0) {
      if (auto signal = signals.take(pid)) taken = signal;
    }
    drain(terminal, watch);
    if (events[0].revents != 0) break;
    // Nobody has it open any more, which poll(2) would tell for ever.
    if ((events[2].revents & (POLLHUP | POLLIN)) == POLLHUP) {
      struct pollfd ended{process.get(), POLLIN, 0};
      ::poll(&ended, 1, static_cast<int>(watch.every.count()));
    }
  }
  drain(terminal, watch);
  return taken;
}

constexpr std::chrono::milliseconds between_looks{10};  // at how much it wrote

/// What a child may take: how long, and how much it may write into each of the files.
struct Bounds {
  std::optional<std::chrono::milliseconds> patience;
  std::optional<std::uint64_t> most;
  std::vector<int> files = {};  // in memory, may be sealed

  bool any() const noexcept { return patience || most; }
  bool are_full() const {
    struct stat status{};
    return most && std::ranges::any_of(files, [&](int file) {
             return ::fstat(file, &status) == 0 && static_cast<std::uint64_t>(status.st_size) > *most;
           });
  }
};

/// Waits until it ends, or goes beyond the bounds: then its status is to be that.
std::optional<int> exceeded(pid_t pid, const Bounds& bounds) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw Error(errno_message("cannot wait for a program", error));
  }
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto begin = now();
  struct pollfd ended{process.get(), POLLIN, 0};
  for (;;) {
    auto left = std::chrono::milliseconds::max();
    if (bounds.patience) left = *bounds.patience - std::chrono::duration_cast<std::chrono::milliseconds>(now() - begin);
    if (left.count() <= 0) return out_of_patience;
    if (bounds.most) left = std::min(left, between_looks);
    const bool is_over = ::poll(&ended, 1, static_cast<int>(left.count())) > 0;
    if (bounds.are_full()) return too_much_output;
    if (is_over) return std::nullopt;
  }
}

/// Its status, as run_child says.
int run(const ChildCommand& command, FileActions& actions, const Bounds& bounds) {
  if (!command.working_directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(actions.get(), command.working_directory.c_str());
  }
  std::optional<IgnoredInterrupts> ignored;
  if (command.interrupts == Interrupts::for_child) ignored.emplace();
  int error = 0;
  pid_t pid = start(command, actions, error);
  if (error == ENOENT) return 127;
  if (error != 0) throw Error(errno_message(fmt::format("cannot run {}", command.argv[0]), error));
  const auto excess = bounds.any() ? exceeded(pid, bounds) : std::nullopt;
  // What it has started may live on, and write on.
  if (excess == too_much_output)
    for (int file : bounds.files) ::fcntl(file, F_ADD_SEALS, F_SEAL_GROW);
  if (excess) ::kill(pid, SIGKILL);
  const int status = wait_for(pid, command.argv[0]);
  return excess.value_or(status);
}

/// A file in memory: unlike a pipe it never makes the other side wait.
Fd memory_file(const char* name) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw Error(errno_message("cannot make a file in memory", errno));
  return fd;
}

std::string content(const Fd& fd, std::string_view name, std::optional<std::uint64_t> most) {
  // Not from the descriptor's own place: processes that live on move it.
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) throw Error(errno_message(fmt::format("cannot read the {}", name), errno));
  std::string text(std::min(static_cast<std::uint64_t>(status.st_size), most.value_or(UINT64_MAX)), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto got = ::pread(fd.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (got <= 0) throw Error(errno_message(fmt::format("cannot read the {}", name), got < 0 ? errno : EIO));
    done += static_cast<std::size_t>(got);
  }
  return text;
}

}  // namespace

int run_child(const ChildCommand& command) {
  FileActions actions;
  if (command.output == ChildOutput::to_stderr) ::posix_spawn_file_actions_adddup2(actions.get(), 2, 1);
  if (command.output == ChildOutput::discard) {
    ::posix_spawn_file_actions_addopen(actions.get(), 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(actions.get(), 1, 2);
  }
  return run(command, actions, {command.patience, std::nullopt});
}

WatchedEnd watch_child(const ChildCommand& command, const ChildWatch& watch) {
  auto terminal = open_terminal();
  FileActions actions;
  for (int fd : {1, 2}) ::posix_spawn_file_actions_adddup2(actions.get(), terminal.childs.get(), fd);
  if (!command.working_directory.empty())
    ::posix_spawn_file_actions_addchdir_np(actions.get(), command.working_directory.c_str());
  const TakenSignals signals;
  int error = 0;
  const pid_t pid = start(command, actions, error, &signals.before());
  if (error == ENOENT) return {127, std::nullopt};
  if (error != 0) throw Error(errno_message(fmt::format("cannot run {}", command.argv[0]), error));
  terminal.childs = Fd();
  WatchedEnd end;
  end.signal = follow(pid, terminal.ours, signals, watch);
  end.status = wait_for(pid, command.argv[0]);
  return end;
}

Captured capture_child(const ChildCommand& command, std::string_view input, ChildErrors errors_to) {
  Fd in = memory_file("input"), out = memory_file("output"), errors = memory_file("errors");
  write_all(in.get(), input, "input");
  ::lseek(in.get(), 0, SEEK_SET);
  FileActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), in.get(), 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), out.get(), 1);
  if (errors_to == ChildErrors::captured) ::posix_spawn_file_actions_adddup2(actions.get(), errors.get(), 2);
  const int status = run(command, actions, {command.patience, command.most_output, {out.get(), errors.get()}});
  return {status, content(out, "output", command.most_output), content(errors, "errors", command.most_output)};
}

}  // namespace karapace
