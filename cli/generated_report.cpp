// SPDX-License-Identifier: Apache-2.0
#include "cli/generated_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/document.hpp"
#include "generator/lock/lock_file.hpp"

namespace karapace::cli {

namespace {

std::string locks_changed(const project::Generated& generated) {
  std::size_t count = 0;
  std::string_view what;
  for (const auto& environment : generated.environments) {
    if (environment.lock == project::LockState::unchanged) continue;
    ++count;
    what = text(environment.lock);
  }
  if (count == 0) return "";
  return count == 1 ? fmt::format("; lock {}", what) : fmt::format("; {} locks changed", count);
}

}  // namespace

std::string generated_summary(const project::Generated& generated) {
  const auto& environments = generated.environments;
  auto what = environments.size() == 1 ? fmt::format("{} {}", environments[0].name, environments[0].id.short_hex())
                                       : fmt::format("{} environments", environments.size());
  return fmt::format("{} steps for {}{}", generated.edges, what, locks_changed(generated));
}

nlohmann::json generated_json(const project::Generated& generated, const std::filesystem::path& directory) {
  auto environments = nlohmann::json::array();
  for (const auto& environment : generated.environments) {
    environments.push_back({{"name", environment.name},
                            {"environment", environment.id.hex()},
                            {"manifest", path_json(environment.manifest)},
                            {"lock_file", path_json(lock::lock_path(environment.manifest))},
                            {"lock_state", text(environment.lock)},
                            {"package_count", environment.packages},
                            {"notes", environment.notes}});
  }
  return {{"build_directory", path_json(directory)},
          {"step_count", generated.edges},
          {"graph_changed", generated.changed},
          {"environments", std::move(environments)},
          {"notes", generated.notes}};
}

void report_notes(const Context& context, const project::Generated& generated) {
  for (const auto& note : generated.notes) context.warn(note);
  for (const auto& environment : generated.environments) {
    for (const auto& note : environment.notes) context.warn(note);
  }
}

}  // namespace karapace::cli
