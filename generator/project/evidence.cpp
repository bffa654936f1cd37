// SPDX-License-Identifier: Apache-2.0
#include "generator/project/evidence.hpp"

#include <unordered_map>

#include <fmt/format.h>
#include <sys/stat.h>

#include "store/error.hpp"
#include "store/fd.hpp"

namespace karapace::generator {

namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

std::optional<nanoseconds> modified(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return std::chrono::seconds(status.st_mtim.tv_sec) + nanoseconds(status.st_mtim.tv_nsec);
}

/// Record files by the names of their steps. Outputs are relative to where ninja ran.
std::unordered_map<StepKey, fs::path> records_in(const NinjaLog& log, const fs::path& directory) {
  std::unordered_map<StepKey, fs::path> records;
  for (const auto& entry : log.entries) {
    auto path = fs::path(entry.output);
    if (auto key = StepKey::from_hex(path.filename().native())) records.insert_or_assign(*key, directory / path);
  }
  return records;
}

}  // namespace

std::optional<fs::path> newest_log(std::span<const fs::path> directories) {
  std::optional<std::pair<nanoseconds, fs::path>> newest;
  for (const auto& directory : directories) {
    for (const auto& log : {directory / ninja_log_name, directory / ".karapace/build" / ninja_log_name}) {
      auto time = modified(log);
      if (time && (!newest || *time > newest->first)) newest = {*time, log};
    }
  }
  return newest ? std::optional(newest->second) : std::nullopt;
}

Evidence read_evidence(const Graph& graph, const fs::path& store, const std::optional<fs::path>& log) {
  Evidence evidence;
  std::unordered_map<StepKey, fs::path> records;
  if (log) {
    evidence.log = parse_ninja_log(read_file(*log), log->native());
    evidence.written = modified(*log);
    records = records_in(*evidence.log, log->parent_path());
  }
  evidence.records.reserve(graph.edges.size());
  for (const auto& edge : graph.edges) {
    auto known = records.find(edge.key);
    evidence.records.push_back(modified(known == records.end() ? store / "steps" / edge.key.hex() : known->second));
  }
  return evidence;
}

}  // namespace karapace::generator
