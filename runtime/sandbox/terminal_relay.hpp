// SPDX-License-Identifier: Apache-2.0
// TerminalRelay: the caller's terminal on one side, the master of a sandbox's terminal on the other.
//
// While a master is attached the caller's terminal is raw, so that keys such as Ctrl-C and Ctrl-Z act inside; it gets
// its modes back when the relay dies, on whatever way. In the background the terminal is left alone. Without a terminal on standard input the relay copies bytes, and
// the end of input is typed as the inside's end-of-file character.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include <poll.h>
#include <termios.h>

#include "runtime/sandbox/builder.hpp"
#include "store/fd.hpp"

namespace karapace::runtime {

class TerminalRelay {
 public:
  TerminalRelay();
  ~TerminalRelay();
  TerminalRelay(const TerminalRelay&) = delete;
  TerminalRelay& operator=(const TerminalRelay&) = delete;

  /// What the terminal inside should start as.
  TerminalLook look() const;
  void attach(Fd master);

  static constexpr std::size_t polled = 2;
  /// How long to wait at most, in milliseconds as for poll(2): nothing tells when the terminal's foreground changes.
  int patience() const;
  /// What to wait for: input and the master.
  void prepare(pollfd* sources) const;
  /// Moves bytes after poll(2).
  void relay(const pollfd* sources);
  /// After SIGWINCH and SIGCONT: the caller's size, and raw mode again.
  void refresh();
  /// Copies what is still in the master.
  void drain();

 private:
  void read_input();
  void write_pending();
  bool read_master();
  void make_raw();

  Fd master_;
  termios original_{};  // before is_terminal_, whose initialisation fills it
  bool is_terminal_ = false;
  bool is_raw_ = false;
  bool input_open_ = true;
  // Input that the inside has not taken yet: a long paste must not block the output.
  std::array<char, 65536> pending_{};
  std::size_t pending_begin_ = 0;
  std::size_t pending_end_ = 0;
};

}  // namespace karapace::runtime
