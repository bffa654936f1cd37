// SPDX-License-Identifier: Apache-2.0
// Waiting: for a lock that another process holds. It has an end, and the person who waits is told what for.
//
// A process that holds a lock may be stopped, or hold it on purpose: whoever waits for it without end and without a
// word looks broken himself.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace karapace {

/// Shows a line to the person at the terminal; may be empty.
using Notice = std::function<void(const std::string& message)>;

class Waiting {
 public:
  /// `what` is told once, after two seconds: "waiting for ...".
  Waiting(std::chrono::seconds patience, std::string what, Notice notice);
  /// Lets a moment pass; false, at once, when the patience has ended.
  bool go_on();
  /// What is waited for moves: the patience begins anew.
  void begin_anew();

 private:
  using Clock = std::chrono::steady_clock;

  std::chrono::seconds patience_;
  std::string what_;
  Notice notice_;
  Clock::time_point first_ = Clock::now();
  Clock::time_point begin_ = first_;
};

/// flock(2) with `operation` on what is open; false when somebody else has held it for as long as `waiting` waits.
/// Other errors than that are in errno, and false as well.
bool lock_patiently(int fd, int operation, Waiting& waiting);

}  // namespace karapace
