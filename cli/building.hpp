// SPDX-License-Identifier: Apache-2.0
// Building: ninja in a directory with a graph, and what people see of it meanwhile.
//
// On a terminal one block of lines tells how far it is (build_progress.hpp); what commands of failed edges say stands
// above it, and nothing of it is left at the end. Elsewhere, and with -v, ninja speaks for itself, in plain lines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/options.hpp"

namespace karapace::cli {

struct BuildingArguments {
  std::optional<std::uint64_t> jobs;
  bool quiet = false;
  std::vector<std::string> targets = {};  // of ninja; none: the graph's environments
  std::string again = "karapace build";   // what goes on after a step failed
};

void declare_building(Options& options, BuildingArguments& arguments);

/// Where ninja's words go, and the block: to standard error when a command's output follows on the other.
enum class BuildOutput { standard, errors };

/// Runs ninja in `directory`. 0, or 128 + the signal that ended it; StepError when a step failed.
int run_building(const Context& context, const BuildingArguments& arguments, const std::filesystem::path& directory,
                 BuildOutput output = BuildOutput::standard);

}  // namespace karapace::cli
