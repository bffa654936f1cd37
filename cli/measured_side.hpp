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
  timing::MeasuredGraph measured;
  std::string name;                          // for file names and titles
  std::optional<std::filesystem::path> log;  // of the last build
};

/// Reads the graph, logs and the store. Warns of logs that are damaged or without times.
MeasuredSide measured_side(const Context& context, const MeasuredArguments& arguments);

}  // namespace karapace::cli
