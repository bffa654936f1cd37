// SPDX-License-Identifier: Apache-2.0
#include "generator/project/evidence.hpp"

#include <functional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "generator/project/own_directory.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

std::optional<nanoseconds> modified(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return std::chrono::seconds(status.st_mtim.tv_sec) + nanoseconds(status.st_mtim.tv_nsec);
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
  return directory.filename() == own_name ? directory.parent_path() : directory;
}

}  // namespace

std::vector<fs::path> logs_in(std::span<const fs::path> directories) {
  std::set<std::pair<nanoseconds, fs::path>, std::greater<>> found;
  for (const auto& directory : directories) {
    for (const auto& log : {directory / ninja_log_name, directory / own_name / ninja_log_name,
                            directory / own_name / "build" / ninja_log_name,
                            directory / own_name / "build" / own_name / ninja_log_name}) {
      if (auto time = modified(log)) found.emplace(*time, log.lexically_normal());
    }
  }
  std::vector<fs::path> logs;
  for (const auto& [time, log] : found) logs.push_back(log);
  return logs;
}

timing::Evidence::Log read_log(const fs::path& path) {
  auto written = modified(path);
  if (!written) throw NotFoundError(fmt::format("graph: there is no log {}", escaped_utf8(path.native())));
  return {timing::parse_ninja_log(read_file(path), path.native()), path, written};
}

timing::Evidence read_evidence(const graph::Graph& graph, const fs::path& store,
                               std::vector<timing::Evidence::Log> logs) {
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

}  // namespace karapace::project
