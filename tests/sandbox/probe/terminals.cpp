// SPDX-License-Identifier: Apache-2.0
// terminal.*: the caller's terminal. What is typed there is for the caller's shell; what is put there, its shell runs.
// bubblewrap CVE-2017-5226, LXC CVE-2016-10124, snapd CVE-2019-7303 and CVE-2023-1523, flatpak CVE-2019-10063 and
// CVE-2023-28100.
#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "attempt.hpp"

namespace karapace::probe {
namespace {

constexpr std::uint64_t high_bit = std::uint64_t{1} << 32;

/// The session's own terminal, which the caller's is relayed to: whatever is done to it stays inside.
bool has_own_terminal() {
  struct stat input{};
  struct stat own{};
  return ::isatty(STDIN_FILENO) == 1 && ::fstat(STDIN_FILENO, &input) == 0 && ::stat("/dev/pts", &own) == 0 &&
         input.st_dev == own.st_dev;
}

Outcome on_own_is_contained(Outcome outcome) {
  if (outcome.result == Result::allowed && has_own_terminal()) outcome.result = Result::contained;
  return outcome;
}

Outcome push(const char* terminal, unsigned long request, std::uint64_t more) {
  const int fd = ::open(terminal, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return failed();
  char key = request == TIOCSTI ? '\n' : 3;  // 3: paste the selection (TIOCL_PASTESEL)
  return judged(::syscall(SYS_ioctl, fd, request | more, &key));
}

/// A terminal of one's own, which may be had: even there the calls are refused, whatever they would do.
Outcome push_into_own(unsigned long request, std::uint64_t more) {
  const int fd = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return failed();
  char key = request == TIOCSTI ? 'x' : 3;
  return judged(::syscall(SYS_ioctl, fd, request | more, &key));
}

/// What the test typed at the caller's terminal.
Outcome read_typed(const char* terminal, const Facts& facts) {
  const int fd = ::open(terminal, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return failed();
  pollfd source{fd, POLLIN, 0};
  char typed[256];
  const auto count = ::poll(&source, 1, 100) > 0 ? ::read(fd, typed, sizeof typed) : 0;
  if (count <= 0) return contained("nothing was typed");
  const std::string text(typed, static_cast<std::size_t>(count));
  return text.find(facts.secret()) == std::string::npos ? contained("other bytes")
                                                        : on_own_is_contained(allowed("typed keys"));
}

Outcome on_terminal(unsigned long request, void* argument) {
  const int fd = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return fd < 0 ? failed() : on_own_is_contained(judged(::ioctl(fd, request, argument)));
}

/// The line discipline of the foreground: who may set it, stops and continues jobs of the caller's shell.
Outcome take_foreground(const Facts&) {
  pid_t group = ::getpgrp();
  return on_terminal(TIOCSPGRP, &group);
}

Outcome change_modes(const Facts&) {
  termios modes{};
  const auto outcome = on_terminal(TCGETS, &modes);
  return modes.c_cc[VINTR] != 0 ? on_terminal(TCSETS, &modes) : outcome;
}

Outcome adopt(int fd) {
  ::setsid();
  if (::isatty(fd) == 0) return {Result::absent, "no terminal"};
  return judged(::ioctl(fd, TIOCSCTTY, 1));
}

Outcome count_terminals(const Facts&) {
  std::string others;
  for (const auto& name : names_in("/dev/pts"))
    if (name != "ptmx" && name != "0") others += name + " ";
  return others.empty() ? contained() : allowed(others);
}

}  // namespace

Attempts terminal_attempts() {
  return {
      {"terminal.push-key", [](const Facts&) { return push("/dev/tty", TIOCSTI, 0); }},
      {"terminal.push-key-high-bits", [](const Facts&) { return push("/dev/tty", TIOCSTI, high_bit); }},
      {"terminal.paste", [](const Facts&) { return push("/dev/tty", TIOCLINUX, 0); }},
      {"terminal.push-key-into-own", [](const Facts&) { return push_into_own(TIOCSTI, 0); }},
      {"terminal.push-key-into-own-high-bits", [](const Facts&) { return push_into_own(TIOCSTI, high_bit); }},
      {"terminal.paste-into-own", [](const Facts&) { return push_into_own(TIOCLINUX, 0); }},
      {"terminal.paste-into-own-high-bits", [](const Facts&) { return push_into_own(TIOCLINUX, high_bit); }},
      {"terminal.read-typed-keys", [](const Facts& facts) { return read_typed("/dev/tty", facts); }},
      {"terminal.read-host-pts", [](const Facts& facts) { return read_typed(facts.at("terminal").c_str(), facts); }},
      {"terminal.write-controlling",
       [](const Facts&) {
         const int fd = ::open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC);
         return fd < 0 ? failed() : on_own_is_contained(judged(::write(fd, "\r", 1)));
       }},
      {"terminal.take-foreground", take_foreground},
      {"terminal.change-modes", change_modes},
      {"terminal.adopt-input", [](const Facts&) { return adopt(STDIN_FILENO); }},
      {"terminal.adopt-output", [](const Facts&) { return adopt(STDOUT_FILENO); }},
      {"terminal.others-are-listed", count_terminals},
      {"terminal.hang-up", [](const Facts&) { return judged(::vhangup()); }},
      {"terminal.console", [](const Facts&) { return judged(::open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC)); }},
  };
}

}  // namespace karapace::probe
