// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/terminal_relay.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace karapace::runtime {
namespace {

void write_output(const char* bytes, std::size_t size) {
  while (size > 0) {
    const auto count = ::write(STDOUT_FILENO, bytes, size);
    if (count < 0 && errno == EAGAIN) {
      pollfd output{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&output, 1, -1);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    // The terminal is gone; the command learns of it through SIGHUP.
    if (count < 0) return;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

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

}  // namespace

TerminalRelay::TerminalRelay() : is_terminal_(::tcgetattr(STDIN_FILENO, &original_) == 0) {}

TerminalRelay::~TerminalRelay() {
  if (is_raw_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &original_);
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
  is_raw_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
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
  const auto wanted = static_cast<short>(pending_begin_ < pending_end_ ? POLLIN | POLLOUT : POLLIN);
  sources[1] = {master_.get(), wanted, 0};
}

void TerminalRelay::relay(const pollfd* sources) {
  if (master_ && !is_raw_) make_raw();
  if (sources[0].revents != 0) read_input();
  if (master_ && (sources[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_master();
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
  std::array<char, 16384> buffer;
  const auto count = ::read(master_.get(), buffer.data(), buffer.size());
  if (count > 0) write_output(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

void TerminalRelay::refresh() {
  if (!master_) return;
  make_raw();
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master_.get(), TIOCSWINSZ, &size);
}

void TerminalRelay::drain() {
  if (!master_) return;
  while (read_master()) {
  }
}

}  // namespace karapace::runtime
