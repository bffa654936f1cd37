// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/supervisor.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/syscalls.hpp"
#include "store/error.hpp"

namespace karapace::runtime {

namespace {

sigset_t watched_signals(Terminal terminal) {
  auto signals = forwarded_signals();
  if (terminal == Terminal::inherit) return signals;
  ::sigaddset(&signals, SIGWINCH);
  ::sigaddset(&signals, SIGCONT);
  return signals;
}

}  // namespace

Supervisor::Supervisor(const SandboxPlan& plan, PreparedSandbox& prepared) : plan_(plan), root_(prepared.root) {
  ::sigemptyset(&prepared.signal_mask);
  ::sigprocmask(SIG_BLOCK, nullptr, &old_mask_);
  if (plan.terminal == Terminal::pty) prepared.terminal = relay_.emplace().look();
  // A build dies of a signal at once and takes its sandbox along; a session decides for itself.
  if (plan.purpose == Purpose::step && !relay_) return;
  const auto signals = watched_signals(plan.terminal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  if (plan.purpose == Purpose::session) prepared.signal_mask = old_mask_;
  signals_ = Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

Supervisor::~Supervisor() { ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr); }

SandboxResult Supervisor::watch(pid_t pid, Fd socket, Fd process, Fd fuse_device) {
  pid_ = pid;
  socket_ = std::move(socket);
  process_ = std::move(process);
  fuse_device_ = std::move(fuse_device);
  while (!ended_) wait_for_events();
  if (relay_) relay_->drain();
  wait_for_end();
  if (fuse_server_ && !plan_.upper.empty()) {
    fuse_server_.reset();
    translate_fuse_marks(open_at(AT_FDCWD, plan_.upper, O_RDONLY | O_DIRECTORY).get());
  }
  if (!failure_.empty()) throw SandboxError(failure_);
  return result_;
}

void Supervisor::wait_for_events() {
  pollfd sources[2 + TerminalRelay::polled] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  nfds_t count = 2;
  if (relay_) {
    relay_->prepare(sources + count);
    count += TerminalRelay::polled;
  }
  if (::poll(sources, count, -1) < 0) return;
  if (sources[1].revents != 0) pass_signals();
  if (relay_) relay_->relay(sources + 2);
  if (sources[0].revents != 0) hear_reports();
}

void Supervisor::hear_reports() {
  Report report;
  Fd attached;
  if (!receive(socket_.get(), report, attached)) {
    ended_ = true;
    return;
  }
  take(report, std::move(attached));
}

void Supervisor::take(const Report& report, Fd attached) {
  switch (report.kind) {
    case Report::Kind::failure:
      failure_ = fmt::format("sandbox: cannot {} {}: {}", report.stage, report.object, std::strerror(report.error));
      return;
    case Report::Kind::not_started:
      result_.not_started = fmt::format("{}: {}", report.object, std::strerror(report.error));
      return;
    case Report::Kind::finished:
      result_.command = report.command;
      result_.status = report.status;
      finished_ = true;
      return;
    case Report::Kind::ready:
      if (plan_.when_ready) plan_.when_ready(pid_);
      if (relay_) relay_->attach(std::move(attached));
      return;
    case Report::Kind::fuse: return serve_fuse();
  }
}

void Supervisor::pass_signals() {
  signalfd_siginfo information{};
  while (::read(signals_.get(), &information, sizeof information) == sizeof information)
    handle(static_cast<int>(information.ssi_signo), information.ssi_code);
}

void Supervisor::handle(int signal, int code) {
  if (signal == SIGWINCH || signal == SIGCONT) return relay_->refresh();
  // What the terminal sends goes to the whole process group: without a terminal of its own the command has it already.
  if (code != SI_KERNEL || relay_) sys::pidfd_send_signal(process_.get(), signal);
}

void Supervisor::serve_fuse() {
  try {
    fuse_server_.emplace(root_, fuse_device_.get());
  } catch (const Error& error) {
    // Process 1 waits for an answer that nobody will give.
    failure_ = error.what();
    sys::pidfd_send_signal(process_.get(), SIGKILL);
  }
  // The server has the connection now; a copy here would keep it alive after the server's death.
  fuse_device_.reset();
}

void Supervisor::wait_for_end() {
  siginfo_t information{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &information, WEXITED) != 0 && errno == EINTR) {
  }
  if (!failure_.empty() || finished_ || plan_.commands.empty()) return;
  failure_ = fmt::format("sandbox: process 1 ended early ({} {})",
                         information.si_code == CLD_EXITED ? "exit status" : "signal", information.si_status);
}

}  // namespace karapace::runtime
