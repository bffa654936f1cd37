// SPDX-License-Identifier: Apache-2.0
// NinjaLog: what Ninja wrote down about the commands it ran (.ninja_log, versions 5 to 7: Ninja 1.5 and newer).
//
// A line is `start \t end \t mtime \t output \t hash of the command in hex`: start and end in milliseconds since that
// run of ninja began, the time stamp in nanoseconds (what it means depends on the version, see `last_run`). Commands
// are appended in the order in which they end; failed ones are not. A command with several outputs has a line for each.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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

// The last run: which entries belong to the last call of ninja that ran anything.
//
// The log does not say. Its times count from the start of each run, and now and then Ninja (or `ninja -t restat`, which
// `karapace gen` calls) writes the log anew in the order of a hash table. What can be used:
//
// - Within a run the ends only grow, no output appears twice, and a run that rewrote build.ninja is over: Ninja begins
//   again.
// - Time stamps are wall clock. From version 6 on they are when the command started, or for `restat` edges that changed
//   their output, its modification time; so `stamp - end <= begin of the run <= stamp - start`, which alone separates
//   the runs. In version 5 they are the output's modification time, which is old when the edge had nothing to do: the
//   lower bound holds always, the upper one only where the command wrote its output.
//
// Limits: with version 5, short commands (up to 0.1 s) of a short earlier run may be counted in when they ended before
// the first command of the last run did; cache hits of the last run are lost when the log was written anew afterwards,
// and with them the run when it was nothing but hits. A wall clock that was set back between two runs can hide the
// later one. Two ninjas at once in a directory look like one.

/// Indices into `log.entries`, growing. Runs that only wrote build.ninja again are passed over. `written`: the log's
/// own modification time; stamps after it are not believed. `hits`: of each entry whether it is known to have found its
/// output ready, or nothing at all.
std::vector<std::size_t> last_run(const NinjaLog& log, std::optional<std::chrono::nanoseconds> written,
                                  const std::vector<bool>& hits = {});

}  // namespace karapace::timing
