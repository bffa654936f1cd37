// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/supervisor.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "runtime/init/init_plan.hpp"
#include "runtime/sys/syscalls.hpp"

namespace karapace::sandbox {
namespace {

using init::Report;
using init::SignalReach;

sigset_t watched_signals(Terminal terminal) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT}) ::sigaddset(&signals, signal);
  ::sigaddset(&signals, terminal == Terminal::pty ? SIGWINCH : SIGTSTP);
  return signals;
}

Fd output_pipe(Fd& inside) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SandboxError(errno_message("sandbox: cannot make a pipe", errno));
  inside = Fd(ends[1]);
  return Fd(ends[0]);
}

}  // namespace

Supervisor::Supervisor(const SandboxPlan& plan, PreparedSandbox& prepared) : plan_(plan), root_(prepared.root) {
  ::sigprocmask(SIG_BLOCK, nullptr, &old_mask_);
  // Not the file itself: who has that could change its mode, or what others have written to it.
  if (plan.output >= 0) output_ = output_pipe(prepared.output);
  if (plan.terminal == Terminal::pty) prepared.terminal = relay_.emplace().look();
  // A build dies of a signal at once and takes its sandbox along; a session decides for itself.
  if (plan.purpose == Purpose::step && !relay_) return;
  const auto signals = watched_signals(plan.terminal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_ = Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

Supervisor::~Supervisor() { ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr); }

std::uint64_t Supervisor::caller_mask() const noexcept {
  std::uint64_t mask = 0;
  for (int signal = 1; signal <= 64; ++signal)
    if (::sigismember(&old_mask_, signal) == 1) mask |= std::uint64_t{1} << (signal - 1);
  return mask;
}

SandboxResult Supervisor::watch(SandboxProcess one, Fd socket, Fd fuse_device) {
  one_ = std::move(one);
  fuse_device_ = std::move(fuse_device);
  ReportReader reports(std::move(socket), {.commands = static_cast<std::uint32_t>(plan_.commands.size()),
                                           .may_ask_for_fuse = plan_.joined < 0 && static_cast<bool>(fuse_device_),
                                           .may_send_terminal = relay_.has_value()});
  while (!ended_ && !may_leave()) watch_events(reports);
  while (output_ && failure_.empty()) keep_output();
  if (!may_leave()) wait_for_end();
  if (relay_) drain_terminal();
  if (fuse_server_ && plan_.ending == Ending::whole) fuse_server_->wait();
  if (gone_) throw SessionGone(failure_);
  if (foreign_) throw NotASession(failure_);
  if (!failure_.empty()) throw SandboxError(failure_);
  return result_;
}

/// What is left, processes of a session that nobody waits for and the mounts, dies with process 1.
bool Supervisor::may_leave() const noexcept {
  return plan_.ending == Ending::at_once && finished_ && !relay_ && !output_ && failure_.empty();
}

void Supervisor::watch_events(ReportReader& reports) {
  pollfd sources[3 + TerminalRelay::polled] = {
      {reports.socket(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {output_.get(), POLLIN, 0}};
  nfds_t count = 3;
  if (relay_) {
    relay_->prepare(sources + count);
    count += TerminalRelay::polled;
  }
  if (::poll(sources, count, relay_ ? relay_->patience() : -1) < 0) return;
  if (sources[1].revents != 0) pass_signals();
  if (sources[2].revents != 0) keep_output();
  if (relay_) relay_->relay(sources + 3);
  if (sources[0].revents != 0) hear(reports);
}

void Supervisor::hear(ReportReader& reports) {
  try {
    if (auto heard = reports.hear())
      take(*std::move(heard));
    else
      ended_ = true;
  } catch (const Error& error) {
    failure_ = error.what();
    ended_ = true;
    sys::pidfd_send_signal(one_.process.get(), SIGKILL);
  }
}

void Supervisor::take(ReportReader::Heard heard) {
  const auto& report = heard.report;
  switch (report.kind) {
    case Report::Kind::failure: return fail(report);
    case Report::Kind::fuse: return serve_fuse();
    case Report::Kind::terminal: return relay_->attach(std::move(heard.attached));
    case Report::Kind::ready:
      one_.namespaces.reset();
      if (plan_.when_ready) plan_.when_ready(one_.pid);
      return;
    case Report::Kind::not_started:
      result_.not_started = fmt::format("{}: {}", report.object, std::strerror(report.error));
      return;
    case Report::Kind::finished:
      result_.command = report.command;
      result_.status = report.status;
      finished_ = report.status != 0 || report.command + 1 == plan_.commands.size();
      return;
  }
}

void Supervisor::fail(const Report& report) {
  // A process that has given up its memory, but not yet its id, is EPERM or EACCES to some kernels: its owner can not
  // be asked any more.
  const bool not_joined = std::strcmp(report.stage, joining) == 0;
  gone_ = not_joined &&
          (report.error == ESRCH || report.error == ENOENT || report.error == EPERM || report.error == EACCES);
  // It is in a namespace of this process's.
  foreign_ = not_joined && report.error == EINVAL;
  failure_ = fmt::format("sandbox: cannot {} {}: {}", escaped_utf8(report.stage), escaped_utf8(report.object),
                         std::strerror(report.error));
}

void Supervisor::pass_signals() {
  signalfd_siginfo information{};
  while (::read(signals_.get(), &information, sizeof information) == sizeof information)
    handle(static_cast<int>(information.ssi_signo), information.ssi_code);
}

void Supervisor::handle(int signal, int code) {
  for (const int ending : {SIGTERM, SIGHUP, SIGINT, SIGQUIT})
    if (signal == ending) told_to_end_ = true;
  if (relay_ && (signal == SIGWINCH || signal == SIGCONT)) return relay_->refresh();
  // What a terminal sends is for the whole group that it shows; the sandbox is a session of its own and has not had it.
  const bool for_group = code == SI_KERNEL || signal == SIGTSTP || signal == SIGCONT;
  const auto reach = for_group ? SignalReach::group : SignalReach::command;
  sys::pidfd_queue_signal(one_.process.get(), signal, static_cast<int>(reach));
  if (signal == SIGTSTP) ::raise(SIGSTOP);
}

/// As long as somebody reads it. Who was told to end waits for no reader that does nothing.
void Supervisor::drain_terminal() {
  constexpr int last_moment = 1'000;  // milliseconds
  while (relay_->take_rest()) {
    pollfd sources[] = {{STDOUT_FILENO, POLLOUT, 0}, {signals_.get(), POLLIN, 0}};
    const int count = ::poll(sources, 2, told_to_end_ ? last_moment : -1);
    if (count == 0) return;
    if (count < 0) continue;
    if (sources[0].revents != 0) relay_->write_output();
    if (sources[1].revents != 0) pass_signals();
  }
}

void Supervisor::keep_output() {
  std::array<char, 65536> buffer;
  const auto count = ::read(output_.get(), buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) return output_.reset();
  try {
    write_all(plan_.output, {buffer.data(), static_cast<std::size_t>(count)}, "what the commands print");
  } catch (const Error& error) {
    // Nobody reads on: the commands are told by SIGPIPE.
    if (failure_.empty()) failure_ = error.what();
    output_.reset();
  }
}

void Supervisor::serve_fuse() {
  try {
    fuse_server_.emplace(root_, std::move(fuse_device_), plan_.upper_lock);
  } catch (const Error& error) {
    // Process 1 waits for an answer that nobody will give.
    failure_ = error.what();
    sys::pidfd_send_signal(one_.process.get(), SIGKILL);
  }
}

void Supervisor::wait_for_end() {
  if (!one_.process) {
    if (failure_.empty()) failure_ = "sandbox: process 1 could not be made";
    return;
  }
  siginfo_t information{};
  while (::waitid(P_PIDFD, static_cast<id_t>(one_.process.get()), &information, WEXITED) != 0 && errno == EINTR) {
  }
  if (!failure_.empty() || finished_ || plan_.commands.empty()) return;
  failure_ = fmt::format("sandbox: process 1 ended early ({} {})",
                         information.si_code == CLD_EXITED ? "exit status" : "signal", information.si_status);
}

}  // namespace karapace::sandbox
