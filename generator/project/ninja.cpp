// SPDX-License-Identifier: Apache-2.0
#include "generator/project/ninja.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace karapace::project {

namespace {

constexpr int no_such_program = 127;

/// Start, end, modification time, output and hash of the command: the last line tells what holds.
using LogLine = std::array<std::string, 5>;

std::optional<LogLine> last_line_of(const std::string& log, std::string_view output) {
  std::optional<LogLine> found;
  std::istringstream lines(log);
  for (std::string text; std::getline(lines, text);) {
    std::istringstream words(text);
    LogLine line;
    for (auto& word : line) std::getline(words, word, '\t');
    if (line[3] == output && words.eof()) found = std::move(line);
  }
  return found;
}

}  // namespace

namespace {

std::vector<std::string> ninja_programs() {
  const char* chosen = std::getenv("NINJA");
  if (chosen != nullptr && *chosen != '\0') return {chosen};
  return {"ninja", "ninja-build", "samu"};
}

/// The first that there is: `run` says no_such_program of the others.
template <class Run>
void with_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory, Run run) {
  for (const auto& program : ninja_programs()) {
    ChildCommand command{.argv = {program}, .working_directory = directory};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    if (run(command) != no_such_program) return;
  }
  throw Error("ninja is missing: install ninja-build, or name another with NINJA");
}

std::vector<std::string> variables_with(const std::string& status) {
  std::vector<std::string> variables = {status};
  bool has_terminal = false;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with("NINJA_STATUS=")) continue;
    has_terminal = has_terminal || text.starts_with("TERM=");
    variables.emplace_back(text);
  }
  if (!has_terminal) variables.emplace_back("TERM=xterm");
  return variables;
}

std::string random_mark() {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != sizeof random) {
  }
  return fmt::format("\x1e{:016x} ", random);
}

std::optional<NinjaStatus> status_from(std::string_view text) {
  NinjaStatus status;
  for (auto* number : {&status.started, &status.finished, &status.total}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    if (error != std::errc() || end == text.data() + text.size()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  status.description = text;
  return status;
}

}  // namespace

NinjaOutput::NinjaOutput(Reader reader) : reader_(std::move(reader)), mark_(random_mark()) {}

std::string NinjaOutput::variable() const { return fmt::format("NINJA_STATUS={}%s %f %t ", mark_); }

void NinjaOutput::read(std::string_view bytes) {
  pending_ += bytes;
  while (take_status() || take_line()) {
  }
}

void NinjaOutput::end() {
  if (!pending_.empty()) tell(pending_);
  pending_.clear();
}

/// "\r MARK ... ESC [K" on a terminal; else a line.
bool NinjaOutput::take_status() {
  const auto start = pending_.find(mark_);
  if (start == pending_.npos || pending_.find('\n') < start) return false;
  const auto text = start + mark_.size();
  constexpr std::string_view cleared = "\x1b[K";
  const auto end = std::min(pending_.find(cleared, text), pending_.find('\n', text));
  if (end == pending_.npos) return false;
  if (start > 0) tell(std::string_view(pending_).substr(0, start));
  const auto status = status_from(std::string_view(pending_).substr(text, end - text));
  pending_.erase(0, end + (pending_[end] == '\n' ? 1 : cleared.size()));
  if (status && reader_.status) reader_.status(*status);
  return true;
}

bool NinjaOutput::take_line() {
  const auto end = pending_.find('\n');
  if (end == pending_.npos) return false;
  tell(std::string_view(pending_).substr(0, end));
  pending_.erase(0, end + 1);
  return true;
}

/// Empty lines are those that end a status.
void NinjaOutput::tell(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  while (line.starts_with('\r')) line.remove_prefix(1);
  if (!line.empty() && reader_.line) reader_.line(line);
}

int run_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory, ChildOutput output) {
  int status = 0;
  with_ninja(arguments, directory, [&](ChildCommand& command) {
    command.output = output;
    return status = run_child(command);
  });
  return status;
}

bool ninja_tells_edges() {
  const auto name = std::filesystem::path(ninja_programs().front()).filename().native();
  return name == "ninja" || name == "ninja-build";
}

WatchedEnd watch_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                       const NinjaOutput::Reader& reader, const std::function<void()>& tick) {
  NinjaOutput output(reader);
  WatchedEnd end;
  with_ninja(arguments, directory, [&](ChildCommand& command) {
    command.variables = variables_with(output.variable());
    end = watch_child(command, {.output = [&](std::string_view bytes) { output.read(bytes); }, .tick = tick});
    return end.status;
  });
  output.end();
  return end;
}

int run_ninja_quietly(const std::vector<std::string>& arguments, const std::filesystem::path& directory) {
  std::string text;
  NinjaOutput output({.status = {}, .line = [&](std::string_view line) { text.append(line).append("\n"); }});
  Captured captured;
  with_ninja(arguments, directory, [&](ChildCommand& command) {
    command.variables = variables_with(output.variable());
    captured = capture_child(command, {}, ChildErrors::inherited);
    return captured.status;
  });
  output.read(captured.output);
  output.end();
  if (captured.status != 0) write_all(STDERR_FILENO, text, "standard error");
  return captured.status;
}

void note_regenerated(const Generated& generated, const std::filesystem::path& directory) {
  if (!generated.touched) return;
  const auto graph = directory / "build.ninja";
  Fd log(::open((directory / ".karapace/.ninja_log").c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!log || ::fstat(log.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  if (::stat(graph.c_str(), &status) != 0) return;
  const auto line = last_line_of(read_all(log.get(), "Ninja's log"), "build.ninja");
  if (!line) return;
  write_all(log.get(),
            fmt::format("{}\t{}\t{}\t{}\t{}\n", (*line)[0], (*line)[1], modified_ns(status), (*line)[3], (*line)[4]),
            "Ninja's log");
}

}  // namespace karapace::project
