// SPDX-License-Identifier: Apache-2.0
#include "cli/measured_side.hpp"

#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "generator/project/evidence.hpp"
#include "generator/project/graph_side.hpp"
#include "generator/project/project.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

/// Where people build what the side holds: in its directory, or beside the manifests in it.
std::vector<fs::path> build_directories(const diff::GraphSide& side, const fs::path& what) {
  std::error_code ignored;
  auto root = fs::is_directory(what, ignored) ? what : fs::exists(what, ignored) ? what.parent_path() : fs::path();
  std::set<fs::path> directories = {root};
  for (const auto& environment : side.environments) {
    if (!environment.place.empty()) directories.insert(root / fs::path(environment.place).parent_path());
  }
  return {directories.begin(), directories.end()};
}

/// The environment's, when there is only one; else that of the directory which the side is, or is in.
std::string name_of(const diff::GraphSide& side, const fs::path& what) {
  if (side.environments.size() == 1 && !side.environments[0].name.empty()) {
    return project::name_from(side.environments[0].name);
  }
  std::error_code ignored;
  auto path = fs::is_directory(what, ignored) ? fs::absolute(what) : fs::absolute(what).parent_path();
  path = path.lexically_normal();
  return project::name_from((path.has_filename() ? path : path.parent_path()).filename().native());
}

timing::EnvironmentNames names_of(const diff::GraphSide& side) {
  timing::EnvironmentNames names;
  for (const auto& environment : side.environments) {
    if (!environment.name.empty()) names.emplace(environment.step, environment.name);
  }
  return names;
}

using Log = timing::Evidence::Log;

/// Logs that nobody named are left out when they can not be used: pictures need none.
std::vector<Log> found_logs(const Context& context, const std::vector<fs::path>& directories) {
  std::vector<Log> logs;
  for (const auto& path : project::logs_in(directories)) {
    try {
      logs.push_back(project::read_log(path));
    } catch (const Error& error) {
      context.warn(fmt::format("{}; times are shown without it", error.what()));
    }
  }
  return logs;
}

std::vector<Log> logs_of(const Context& context, const MeasuredArguments& arguments,
                         const std::vector<fs::path>& directories) {
  if (arguments.log) return {project::read_log(*arguments.log)};
  if (!arguments.build) return found_logs(context, directories);
  std::vector<Log> logs;
  for (const auto& path : project::logs_in(std::vector<fs::path>{*arguments.build})) {
    logs.push_back(project::read_log(path));
  }
  if (!logs.empty()) return logs;
  throw NotFoundError(fmt::format("graph: ninja built nothing in {} yet: it has no {}", escaped_utf8(*arguments.build),
                                  project::ninja_log_name));
}

void warn_of(const Context& context, const Log& log) {
  auto name = escaped_utf8(log.path.native());
  const auto& content = log.content;
  if (content.malformed > 1)
    context.warn(fmt::format("{}: {} damaged lines were passed over", name, content.malformed));
  if (!content.entries.empty() && !content.has_times()) {
    context.warn(fmt::format("{} has no times, because samurai wrote it: build with ninja to have them", name));
  }
}

}  // namespace

void declare_measured(Options& options, MeasuredArguments& arguments) {
  options.positional(
      "WHAT", arguments.what,
      "a directory with manifests, a manifest, a lock, a build.ninja of ours, a git revision (default: .)");
  options.value("--build", "DIR", arguments.build, "where ninja ran, such as CMake's build directory (default: found)");
  options.value("--log", "FILE", arguments.log, "Ninja's log of the build (default: .ninja_log where ninja ran)");
}

MeasuredSide measured_side(const Context& context, const MeasuredArguments& arguments) {
  if (arguments.build && arguments.log) throw UsageError("graph: --build and --log both name a log: give one of them");
  auto side = project::open_side(arguments.what, fs::current_path());
  for (const auto& note : side.notes) context.warn(note);
  auto logs = logs_of(context, arguments, build_directories(side, arguments.what));
  for (const auto& log : logs) warn_of(context, log);
  auto newest = logs.empty() ? std::nullopt : std::optional(logs.front().path);
  auto evidence = project::read_evidence(side.graph, context.store_root(), std::move(logs));
  auto name = name_of(side, arguments.what);
  auto names = names_of(side);
  return {timing::measure(std::move(side.graph), std::move(names), evidence), std::move(name), std::move(newest)};
}

}  // namespace karapace::cli
