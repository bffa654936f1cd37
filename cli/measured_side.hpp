// SPDX-License-Identifier: Apache-2.0
// What `graph show` and `graph trace` are about: a graph, with what Ninja's log and the store tell of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/context.hpp"
#include "cli/options.hpp"
#include "generator/timing/measured_graph.hpp"

namespace karapace::cli {

struct MeasuredArguments {
  std::string what = ".";
  std::optional<std::string> build;  // --build: the directory where ninja ran
  std::optional<std::string> log;    // --log
};

void declare_measured(Options& options, MeasuredArguments& arguments);

struct MeasuredSide {
  timing::MeasuredGraph measured;
  std::string name;                          // for file names and titles
  std::optional<std::filesystem::path> log;  // of the last build
};

/// Reads the graph, logs and the store. Warns of logs that are damaged or without times.
MeasuredSide measured_side(const Context& context, const MeasuredArguments& arguments);

struct MeasuredBuild {
  timing::MeasuredGraph measured;
  /// What earlier graphs there had, as far as their records are still as the log has them: what making them took.
  std::vector<std::pair<StepKey, timing::Milliseconds>> earlier;
};
/// The build.ninja in `directory`, where ninja runs. Logs that can not be used are left out.
MeasuredBuild measured_build(const std::filesystem::path& directory, const std::filesystem::path& store);

}  // namespace karapace::cli
