// SPDX-License-Identifier: Apache-2.0
// graph trace: the last build as a trace for Perfetto or Chrome.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/measured_side.hpp"
#include "cli/output_file.hpp"
#include "generator/timing/amounts.hpp"
#include "generator/timing/trace_text.hpp"
#include "store/error.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  MeasuredArguments measured;
  std::optional<std::string> output;
};

void declare(Options& options, Arguments& arguments) {
  declare_measured(options, arguments.measured);
  options.value("-o,--output", "FILE", arguments.output, "where to write; - is standard output");
}

int run(const Context& context, const Arguments& arguments) {
  auto side = measured_side(context, arguments.measured);
  const auto& last = side.measured.last_build;
  auto file = output_file(arguments.output, side.name + ".trace.json");
  auto text = generator::trace_text(side.measured, side.name);
  write_output(context, file, text,
               fmt::format("{} in {}; open it at ui.perfetto.dev or chrome://tracing",
                           generator::count_text(last->steps, "step"), generator::duration_text(last->duration)));
  return 0;
}

}  // namespace

Command graph_trace_command() {
  return make_command<Arguments>(
      {.name = "graph trace",
       .group = Group::understanding,
       .summary = "Turn the last build into a trace for Perfetto or Chrome",
       .description = "Writes what Ninja ran in the last build, and when.",
       .examples = {{"karapace graph trace -o build.trace.json", "then open it at ui.perfetto.dev"}}},
      declare, run);
}

}  // namespace karapace::cli
