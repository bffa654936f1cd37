// SPDX-License-Identifier: Apache-2.0
// ReportReader: the outside's ear for process 1. What it hears decides only what it must.
//
// Process 1 can not be reached from inside, and still its reports are read as if an attacker had written them: of the
// right size, texts end, each kind comes once and in its order, a descriptor comes along only where one belongs and is
// what it should be, numbers are in range. Anything else is a broken sandbox, which is killed.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "runtime/init/report.hpp"

namespace karapace::sandbox {

/// What a sandbox may say at all.
struct ReportRules {
  std::uint32_t commands = 0;  // how many there are
  bool may_ask_for_fuse = false;
  bool may_send_terminal = false;
};

class ReportReader {
 public:
  ReportReader(Fd socket, const ReportRules& rules) : socket_(std::move(socket)), rules_(rules) {}
  int socket() const noexcept { return socket_.get(); }

  struct Heard {
    init::Report report;
    Fd attached;  // the terminal's master
  };
  /// The next report; nothing when nobody is left to send one. SandboxError for one that breaks the rules.
  std::optional<Heard> hear();
  /// The next report, if these bytes with this descriptor are one that may come now; else SandboxError.
  Heard accept(const char* bytes, std::size_t size, Fd attached);

 private:
  void check_order(const init::Report& report);

  Fd socket_;
  ReportRules rules_;
  bool asked_for_fuse_ = false;
  bool sent_terminal_ = false;
  bool ready_ = false;
  bool failed_ = false;
  std::uint32_t not_started_ = 0;  // commands said to have not started
  std::uint32_t finished_ = 0;     // commands said to have ended
};

}  // namespace karapace::sandbox
