// SPDX-License-Identifier: Apache-2.0
// NinjaLog: what Ninja wrote down about the commands it ran (.ninja_log, versions 5 to 7: Ninja 1.5 and newer).
//
// A line is `start \t end \t mtime \t output \t hash of the command in hex`: start and end in milliseconds since that
// run of ninja began, the time stamp in nanoseconds (what it means depends on the version, see last_run.hpp). Commands
// are appended in the order in which they end; failed ones are not. A command with several outputs has a line for each.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::timing {

using Milliseconds = std::chrono::milliseconds;

struct LogEntry {
  Milliseconds start{};  // since its run of ninja began
  Milliseconds end{};    // never before `start`
  std::chrono::nanoseconds stamp{};
  std::string output;
  std::uint64_t command = 0;  // hash of the command line

  Milliseconds duration() const { return end - start; }
  bool operator==(const LogEntry&) const = default;
};

struct NinjaLog {
  unsigned version = 0;
  std::vector<LogEntry> entries;  // in the order of the file
  /// Lines that are no entries and were passed over. One is usual after ninja was killed: the last one, half written.
  std::size_t malformed = 0;

  /// False for samurai's logs, in which every time is 0.
  bool has_times() const;
};

/// Error naming `name` when the text is no log of Ninja, or of a version that is not known.
NinjaLog parse_ninja_log(std::string_view text, std::string_view name);

}  // namespace karapace::timing
