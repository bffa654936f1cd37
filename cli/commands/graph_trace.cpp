// SPDX-License-Identifier: Apache-2.0
// graph trace: the last build as a trace for Perfetto or Chrome.
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/measured_side.hpp"
#include "cli/output_file.hpp"
#include "generator/timing/dot_text.hpp"

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

const timing::LastBuild& last_build(const MeasuredSide& side, const Arguments& arguments) {
  if (side.measured.last_build) return *side.measured.last_build;
  if (!side.log) {
    throw NotFoundError(
        fmt::format("graph trace: no log of ninja is where {} would be built: build first, or name the "
                    "directory where ninja ran with --build",
                    escaped_utf8(arguments.measured.what)));
  }
  throw NotFoundError(
      fmt::format("graph trace: {} does not tell which commands ran last (it is empty, without times, or "
                  "was written anew after a build that only found cache hits): build again",
                  escaped_utf8(side.log->native())));
}

int run(const Context& context, const Arguments& arguments) {
  auto side = measured_side(context, arguments.measured);
  const auto& last = last_build(side, arguments);
  auto file = output_file(arguments.output, side.name + ".trace.json");
  auto about = fmt::format("{} in {}; open it at ui.perfetto.dev or chrome://tracing",
                           counted(last.steps + last.others.size(), "command"), duration_text(last.duration));
  write_output(context, file, timing::trace_text(side.measured, side.name), about);
  return 0;
}

}  // namespace

Command graph_trace_command() {
  return make_command<Arguments>(
      {.name = "graph trace",
       .group = Group::understanding,
       .summary = "Turn the last build into a trace for Perfetto or Chrome",
       .description = "Writes what ninja ran last, and when, as a trace that Perfetto (ui.perfetto.dev) and Chrome\n"
                      "(chrome://tracing) open: a slice for every command, in as few rows as overlapping ones need,\n"
                      "with arrows along the chain of steps that the end of the build waited for. Commands of the\n"
                      "same log that are no steps, such as CMake's compilations, are in it, too. On a terminal the\n"
                      "trace goes to NAME.trace.json.",
       .examples = {{"karapace graph trace", "the last `karapace build` or `ninja` here"},
                    {"karapace graph trace --build out -o build.trace.json", "the last build of a CMake project"}}},
      declare, run);
}

}  // namespace karapace::cli
