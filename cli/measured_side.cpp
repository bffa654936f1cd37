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

std::vector<fs::path> logs_of(const MeasuredArguments& arguments, const std::vector<fs::path>& directories) {
  if (arguments.log) return {*arguments.log};
  if (!arguments.build) return generator::logs_in(directories);
  auto logs = generator::logs_in(std::vector<fs::path>{*arguments.build});
  if (!logs.empty()) return logs;
  throw NotFoundError(fmt::format("graph: ninja built nothing in {} yet: it has no {}", escaped_utf8(*arguments.build),
                                  generator::ninja_log_name));
}

void warn_of(const Context& context, const generator::NinjaLog& log, const fs::path& path) {
  auto name = escaped_utf8(path.native());
  if (log.malformed > 1) context.warn(fmt::format("{}: {} damaged lines were passed over", name, log.malformed));
  if (!log.entries.empty() && !log.has_times()) {
    context.warn(fmt::format("{} has no times, because samurai wrote it: build with ninja to have them", name));
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
  auto logs = logs_of(arguments, {file.parent_path()});
  auto evidence = generator::read_evidence(graph, context.store_root(), logs);
  for (std::size_t i = 0; i < logs.size(); ++i) warn_of(context, evidence.logs[i].content, logs[i]);
  return {generator::measure(std::move(graph), {}, evidence), "graph", std::move(logs)};
}

}  // namespace karapace::cli
