// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/terminal_relay.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace karapace::sandbox {
namespace {

/// The modes of a terminal just made, for a caller that has none.
termios usual_modes() {
  termios modes{};
  modes.c_iflag = ICRNL | IXON;
  modes.c_oflag = OPOST | ONLCR;
  modes.c_cflag = CS8 | CREAD;
  modes.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
  constexpr cc_t characters[] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26};
  for (std::size_t i = 0; i < std::size(characters); ++i) modes.c_cc[i] = characters[i];
  ::cfsetspeed(&modes, B38400);
  return modes;
}

}  // namespace

namespace {

/// Else the shell in front of it reads, and whoever does so all the same is stopped.
bool is_in_foreground() { return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

/// Not the caller's open file, on which others rely.
Fd output_without_waiting() { return Fd(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)); }

}  // namespace

TerminalRelay::TerminalRelay() : is_terminal_(::tcgetattr(STDIN_FILENO, &original_) == 0) {
  struct stat status{};
  is_file_ = ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
  if (::isatty(STDOUT_FILENO) == 1 || S_ISFIFO(status.st_mode)) own_output_ = output_without_waiting();
}

TerminalRelay::~TerminalRelay() {
  // TCSADRAIN would wait for whoever does not read.
  if (is_raw_) ::tcsetattr(STDIN_FILENO, has_output() ? TCSANOW : TCSADRAIN, &original_);
}

TerminalLook TerminalRelay::look() const {
  TerminalLook look{is_terminal_ ? original_ : usual_modes(), {}};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &look.size) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &look.size) != 0)
    look.size = {24, 80, 0, 0};
  return look;
}

void TerminalRelay::make_raw() {
  if (!is_terminal_ || !is_in_foreground()) return;
  termios raw = original_;
  ::cfmakeraw(&raw);
  is_raw_ = ::tcsetattr(STDIN_FILENO, has_output() ? TCSANOW : TCSADRAIN, &raw) == 0;
}

void TerminalRelay::attach(Fd master) {
  master_ = std::move(master);
  ::fcntl(master_.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  make_raw();
}

int TerminalRelay::patience() const { return is_terminal_ && input_open_ && !is_in_foreground() ? 200 : -1; }

void TerminalRelay::prepare(pollfd* sources) const {
  const bool room = pending_end_ < pending_.size() && (!is_terminal_ || is_in_foreground());
  sources[0] = {master_ && input_open_ && room ? STDIN_FILENO : -1, POLLIN, 0};
  const bool output_room = output_end_ < output_.size();
  const int wanted = (output_room ? POLLIN : 0) | (pending_begin_ < pending_end_ ? POLLOUT : 0);
  // Without anything wanted it would still tell of its end, again and again.
  sources[1] = {wanted != 0 ? master_.get() : -1, static_cast<short>(wanted), 0};
  sources[2] = {has_output() ? STDOUT_FILENO : -1, POLLOUT, 0};
}

void TerminalRelay::relay(const pollfd* sources) {
  if (master_ && !is_raw_) make_raw();
  if (sources[0].revents != 0) read_input();
  const bool output_room = output_end_ < output_.size();
  if (master_ && output_room && (sources[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_master();
  // At once, where that can not wait.
  if (sources[2].revents != 0 || (has_output() && own_output_)) write_output();
  if (master_ && pending_begin_ < pending_end_) write_pending();
}

void TerminalRelay::read_input() {
  const auto count = ::read(STDIN_FILENO, pending_.data() + pending_end_, pending_.size() - pending_end_);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count > 0) {
    pending_end_ += static_cast<std::size_t>(count);
    return;
  }
  input_open_ = false;
  // A terminal that ends was hung up: hang up the inside too.
  if (is_terminal_) return master_.reset();
  if (pending_end_ == pending_.size()) return;
  pending_[pending_end_++] = static_cast<char>(usual_modes().c_cc[VEOF]);
}

void TerminalRelay::write_pending() {
  const auto count = ::write(master_.get(), pending_.data() + pending_begin_, pending_end_ - pending_begin_);
  if (count > 0) pending_begin_ += static_cast<std::size_t>(count);
  if (pending_begin_ == pending_end_) pending_begin_ = pending_end_ = 0;
}

bool TerminalRelay::read_master() {
  const auto count = ::read(master_.get(), output_.data() + output_end_, output_.size() - output_end_);
  if (count > 0) output_end_ += static_cast<std::size_t>(count);
  return count > 0;
}

void TerminalRelay::write_output() {
  const int fd = own_output_ ? own_output_.get() : STDOUT_FILENO;
  // Where the descriptor is the caller's, which may wait: poll(2) promises room for one byte.
  const std::size_t most = own_output_ || is_file_ ? output_.size() : 1;
  const auto count = ::write(fd, output_.data() + output_begin_, std::min(most, output_end_ - output_begin_));
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // The terminal is gone; the command learns of it through SIGHUP.
  output_begin_ = count < 0 ? output_end_ : output_begin_ + static_cast<std::size_t>(count);
  if (!has_output()) output_begin_ = output_end_ = 0;
}

void TerminalRelay::refresh() {
  if (!master_) return;
  make_raw();
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master_.get(), TIOCSWINSZ, &size);
}

bool TerminalRelay::take_rest() { return has_output() || (master_ && read_master()); }

}  // namespace karapace::sandbox
