// SPDX-License-Identifier: Apache-2.0
// Child: another program, started without a shell and waited for.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace {

enum class ChildOutput {
  inherit,    // our standard output
  to_stderr,  // our standard error
  discard,
};

enum class Interrupts {
  for_child,  // SIGINT and SIGQUIT of the terminal are its affair; we wait for what it makes of them
  for_both,   // they end us, too, or neither where they are ignored
};

struct ChildCommand {
  // argv[0] is looked up in PATH unless it has a slash; what is relative, in both, is so to our directory.
  std::vector<std::string> argv;
  std::filesystem::path working_directory = {};  // empty: ours
  ChildOutput output = ChildOutput::inherit;
  std::optional<std::vector<std::string>> variables = std::nullopt;  // NAME=VALUE, all that it has; else ours
  std::optional<std::chrono::milliseconds> patience = std::nullopt;  // then it is killed
  Interrupts interrupts = Interrupts::for_child;
  /// Of capture_child: how many bytes of output, and as many of errors, before it is killed. Whoever asks a program
  /// that answers with somebody else's words says a number.
  std::optional<std::uint64_t> most_output = std::nullopt;
};

/// The status of one that was killed because it took longer than that; timeout(1) has the same.
inline constexpr int out_of_patience = 124;
/// The status of one that was killed because it wrote more than that: as of SIGXFSZ, "file size limit exceeded".
inline constexpr int too_much_output = 128 + 25;

/// Its exit status; 128 + signal when it was killed. 127 when there is no such program; Error when it can not be
/// started otherwise.
int run_child(const ChildCommand& command);

struct ChildWatch {
  std::function<void(std::string_view)> output;  // what it wrote, as it comes
  std::function<void()> tick;                    // now and then, also while it writes nothing
  std::chrono::milliseconds every{100};
};
struct WatchedEnd {
  int status = 0;  // as of run_child
  /// SIGINT, SIGTERM or SIGHUP reached us meanwhile; the child was given it, too, and waited for.
  std::optional<int> signal;
};
/// Runs it with a terminal of its own as its standard output and error, so that it tells at once what it does. Nothing
/// is changed on its way: no carriage returns are added. Without lines and columns: nothing is cut.
WatchedEnd watch_child(const ChildCommand& command, const ChildWatch& watch);

struct Captured {
  int status = 0;  // as of run_child
  std::string output;
  std::string errors;
};
enum class ChildErrors { captured, inherited };
/// Runs it with `input` as its standard input and returns what it wrote, of output and errors at most `most_output`
/// bytes each; `command.output` does not matter.
Captured capture_child(const ChildCommand& command, std::string_view input = {},
                       ChildErrors errors = ChildErrors::captured);

}  // namespace karapace
