// SPDX-License-Identifier: Apache-2.0
#include "cli/ninja.hpp"

#include <array>
#include <cstdlib>

#include "store/error.hpp"

namespace karapace::cli {

namespace {

constexpr int no_such_program = 127;

}  // namespace

int run_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
              generator::ChildOutput output) {
  const char* chosen = std::getenv("NINJA");
  std::vector<std::string> programs = {"ninja", "ninja-build", "samu"};
  if (chosen != nullptr && *chosen != '\0') programs = {chosen};
  for (const auto& program : programs) {
    generator::ChildCommand command{.argv = {program}, .working_directory = directory, .output = output};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    int status = generator::run_child(command);
    if (status != no_such_program) return status;
  }
  throw Error("ninja is missing: install ninja-build, or name another with NINJA");
}

void note_regenerated(const generator::Generated& generated, const std::filesystem::path& directory) {
  if (!generated.touched || !std::filesystem::exists(directory / ".ninja_log")) return;
  try {
    run_ninja({"-t", "restat", "build.ninja"}, directory, generator::ChildOutput::discard);
  } catch (const Error&) {
    // Without ninja there is no memory to refresh.
  }
}

}  // namespace karapace::cli
