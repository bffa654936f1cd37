// SPDX-License-Identifier: Apache-2.0
// What `graph show` and `graph trace` are about: a graph, with what Ninja's log and the store tell of it.
#pragma once

#include <optional>
#include <string>

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
  generator::MeasuredGraph measured;
  std::string name;                         // for file names and titles
  std::vector<std::filesystem::path> logs;  // what the times are from, that of the last build first
};

/// Reads the graph, the log and the store. Warns of a log without times or with damaged lines.
MeasuredSide measured_side(const Context& context, const MeasuredArguments& arguments);

}  // namespace karapace::cli
