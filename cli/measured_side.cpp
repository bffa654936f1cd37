// SPDX-License-Identifier: Apache-2.0
#include "cli/measured_side.hpp"

#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "cli/generate_arguments.hpp"
#include "generator/graph/graph_reader.hpp"
#include "generator/project/graph_side.hpp"
#include "generator/project/own_directory.hpp"
#include "generator/project/project.hpp"
#include "generator/timing/ninja_log.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;
using Log = timing::Evidence::Log;

constexpr std::string_view ninja_log_name = ".ninja_log";

std::optional<nanoseconds> modified(const fs::path& path) {
  auto time = modified_ns(path);
  return time ? std::optional(nanoseconds(*time)) : std::nullopt;
}

using Records = std::unordered_map<StepKey, fs::path>;

/// Outputs that are records, by the names of their steps. They are relative to where ninja ran.
void add_records(Records& records, const timing::NinjaLog& log, const fs::path& directory) {
  records.reserve(records.size() + log.entries.size());
  for (const auto& entry : log.entries) {
    std::string_view output = entry.output;
    auto slash = output.rfind('/');
    auto key = StepKey::from_hex(slash == std::string_view::npos ? output : output.substr(slash + 1));
    if (key) records.try_emplace(*key, output.starts_with('/') ? fs::path(output) : directory / output);
  }
}

fs::path where_ninja_ran(const fs::path& log) {
  auto directory = log.parent_path();
  return directory.filename() == project::own_name ? directory.parent_path() : directory;
}

/// The logs in `directories`, where ninja ran, and in their .karapace/build, where `karapace build` runs it: our graphs
/// have it keep them in .karapace there. The one that was written last is first.
std::vector<fs::path> logs_in(std::span<const fs::path> directories) {
  std::set<std::pair<nanoseconds, fs::path>, std::greater<>> found;
  for (const auto& directory : directories) {
    for (const auto& log : {directory / ninja_log_name, directory / project::own_name / ninja_log_name,
                            directory / project::own_name / "build" / ninja_log_name,
                            directory / project::own_name / "build" / project::own_name / ninja_log_name}) {
      if (auto time = modified(log)) found.emplace(*time, log.lexically_normal());
    }
  }
  std::vector<fs::path> logs;
  for (const auto& [time, log] : found) logs.push_back(log);
  return logs;
}

/// Error when it can not be read, or is no log of Ninja.
Log read_log(const fs::path& path) {
  auto written = modified(path);
  if (!written) throw NotFoundError(fmt::format("graph: there is no log {}", escaped_utf8(path.native())));
  return {timing::parse_ninja_log(read_file(path), path.native()), path, written};
}

/// `logs`: the one that tells the last build first. They tell where records are; of steps that they do not name,
/// `store` does.
timing::Evidence read_evidence(const graph::Graph& graph, const fs::path& store, std::vector<Log> logs) {
  timing::Evidence evidence{std::move(logs), {}};
  Records records;
  for (const auto& log : evidence.logs) add_records(records, log.content, where_ninja_ran(log.path));
  auto steps = store / "steps";
  evidence.records.reserve(graph.edges.size());
  for (const auto& edge : graph.edges) {
    auto known = records.find(edge.key);
    evidence.records.push_back(modified(known == records.end() ? steps / edge.key.hex() : known->second));
  }
  return evidence;
}

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

/// Logs that nobody named are left out when they can not be used: pictures need none.
std::vector<Log> found_logs(const Context& context, const std::vector<fs::path>& directories) {
  std::vector<Log> logs;
  for (const auto& path : logs_in(directories)) {
    try {
      logs.push_back(read_log(path));
    } catch (const Error& error) {
      context.warn(fmt::format("{}; times are shown without it", error.what()));
    }
  }
  return logs;
}

std::vector<Log> logs_of(const Context& context, const MeasuredArguments& arguments,
                         const std::vector<fs::path>& directories) {
  if (arguments.log) return {read_log(*arguments.log)};
  if (!arguments.build) return found_logs(context, directories);
  std::vector<Log> logs;
  for (const auto& path : logs_in(std::vector<fs::path>{*arguments.build})) {
    logs.push_back(read_log(path));
  }
  if (!logs.empty()) return logs;
  throw NotFoundError(fmt::format("graph: ninja built nothing in {} yet: it has no {}", escaped_utf8(*arguments.build),
                                  ninja_log_name));
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
  auto side = project::open_side(arguments.what, fs::current_path(), machine_paths(context).cache);
  for (const auto& note : side.notes) context.warn(note);
  auto logs = logs_of(context, arguments, build_directories(side, arguments.what));
  for (const auto& log : logs) warn_of(context, log);
  auto newest = logs.empty() ? std::nullopt : std::optional(logs.front().path);
  auto evidence = read_evidence(side.graph, context.store_root(), std::move(logs));
  auto name = name_of(side, arguments.what);
  auto names = names_of(side);
  return {timing::measure(std::move(side.graph), std::move(names), evidence), std::move(name), std::move(newest)};
}

MeasuredBuild measured_build(const fs::path& directory, const fs::path& store) {
  const auto path = directory / "build.ninja";
  auto graph = graph::read_graph(read_file(path), path.native());
  std::vector<Log> logs;
  for (const auto& log : logs_in(std::vector<fs::path>{directory})) {
    try {
      logs.push_back(read_log(log));
    } catch (const Error&) {
      continue;
    }
  }
  std::set<StepKey> known;
  for (const auto& edge : graph.edges) known.insert(edge.key);
  MeasuredBuild build;
  for (const auto& log : logs) {
    for (const auto& entry : log.content.entries) {
      const auto key = StepKey::from_hex(std::string_view(entry.output).substr(entry.output.rfind('/') + 1));
      if (!key || !known.insert(*key).second) continue;
      if (modified(store / "steps" / key->hex()) == entry.stamp) build.earlier.emplace_back(*key, entry.duration());
    }
  }
  auto evidence = read_evidence(graph, store, std::move(logs));
  build.measured = timing::measure(std::move(graph), {}, evidence);
  return build;
}

}  // namespace karapace::cli
