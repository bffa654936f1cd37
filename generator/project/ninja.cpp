// SPDX-License-Identifier: Apache-2.0
#include "generator/project/ninja.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

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

int run_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory, ChildOutput output) {
  const char* chosen = std::getenv("NINJA");
  std::vector<std::string> programs = {"ninja", "ninja-build", "samu"};
  if (chosen != nullptr && *chosen != '\0') programs = {chosen};
  for (const auto& program : programs) {
    ChildCommand command{.argv = {program}, .working_directory = directory, .output = output};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    int status = run_child(command);
    if (status != no_such_program) return status;
  }
  throw Error("ninja is missing: install ninja-build, or name another with NINJA");
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
