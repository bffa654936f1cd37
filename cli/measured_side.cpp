// SPDX-License-Identifier: Apache-2.0
#include "cli/measured_side.hpp"

#include <fmt/format.h>

#include "generator/graph/graph_reader.hpp"
#include "generator/project/evidence.hpp"
#include "generator/project/project.hpp"
#include "store/error.hpp"
#include "store/escape.hpp"
#include "store/fd.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

std::optional<fs::path> log_of(const MeasuredArguments& arguments, const std::vector<fs::path>& directories) {
  if (arguments.log) return fs::path(*arguments.log);
  if (!arguments.build) return generator::newest_log(directories);
  std::vector<fs::path> only = {*arguments.build};
  auto log = generator::newest_log(only);
  if (log) return log;
  throw NotFoundError(fmt::format("graph: nothing was built in {}: it has no {}", escaped_utf8(*arguments.build),
                                  generator::ninja_log_name));
}

void warn_of(const Context& context, const generator::Evidence& evidence, const fs::path& log) {
  auto name = escaped_utf8(log.native());
  if (evidence.log->malformed > 1) {
    context.warn(fmt::format("{}: {} lines are damaged and were passed over", name, evidence.log->malformed));
  }
  if (!evidence.log->entries.empty() && !evidence.log->has_times()) {
    context.warn(fmt::format("{} has no times: samurai writes none; build with ninja to have them", name));
  }
}

}  // namespace

void declare_measured(Options& options, MeasuredArguments& arguments) {
  options.positional("WHAT", arguments.what,
                     "a manifest or its directory, a build.ninja of ours or its directory, a git revision (default: .)");
  options.value("--build", "DIR", arguments.build, "where ninja ran, such as CMake's build directory (default: found)");
  options.value("--log", "FILE", arguments.log, "Ninja's log of the build (default: .ninja_log where ninja ran)");
}

MeasuredSide measured_side(const Context& context, const MeasuredArguments& arguments) {
  if (arguments.build && arguments.log) throw UsageError("graph: --build and --log both name a log: give one of them");
  fs::path what = arguments.what;
  auto file = fs::is_directory(what) ? what / "build.ninja" : what;
  auto graph = generator::read_graph(read_file(file), file.native());
  auto log = log_of(arguments, {file.parent_path()});
  auto evidence = generator::read_evidence(graph, context.store_root(), log);
  if (log) warn_of(context, evidence, *log);
  return {generator::measure(std::move(graph), {}, evidence), "graph", log};
}

}  // namespace karapace::cli
