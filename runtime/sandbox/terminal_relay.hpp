// SPDX-License-Identifier: Apache-2.0
// TerminalRelay: the caller's terminal on one side, the master of a sandbox's terminal on the other.
//
// While a master is attached the caller's terminal is raw, so that keys such as Ctrl-C and Ctrl-Z act inside; it gets
// its modes back when the relay dies, on whatever way. In the background the terminal is left alone. Without a terminal
// on standard input the relay copies bytes, and the end of input is typed as the inside's end-of-file character.
//
// Nothing here waits: a terminal that nobody reads from must not keep signals from being passed on. What can not be
// moved is kept, as much as the buffers hold, and then its source is not read.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include <poll.h>
#include <termios.h>

#include "base/fd.hpp"
#include "runtime/sandbox/builder.hpp"

namespace karapace::sandbox {

class TerminalRelay {
 public:
  TerminalRelay();
  ~TerminalRelay();
  TerminalRelay(const TerminalRelay&) = delete;
  TerminalRelay& operator=(const TerminalRelay&) = delete;

  /// What the terminal inside should start as.
  TerminalLook look() const;
  void attach(Fd master);

  static constexpr std::size_t polled = 3;
  /// How long to wait at most, in milliseconds as for poll(2): nothing tells when the terminal's foreground changes.
  int patience() const;
  /// What to wait for: input, the master and output.
  void prepare(pollfd* sources) const;
  /// Moves bytes after poll(2).
  void relay(const pollfd* sources);
  /// After SIGWINCH and SIGCONT: the caller's size, and raw mode again.
  void refresh();
  /// Takes what is still in the master; whether there is something to write. `write_output` does that, when poll(2)
  /// finds room.
  bool take_rest();
  void write_output();

 private:
  void read_input();
  void write_pending();
  bool read_master();
  bool has_output() const noexcept { return output_begin_ < output_end_; }
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
  // Output that the caller's terminal has not taken yet.
  Fd own_output_;  // standard output, opened anew so that writing to it does not wait; nothing where that can not be
  bool is_file_ = false;  // never waits, and would begin at its start if it was opened anew
  std::array<char, 16384> output_{};
  std::size_t output_begin_ = 0;
  std::size_t output_end_ = 0;
};

}  // namespace karapace::sandbox
