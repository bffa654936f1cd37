// SPDX-License-Identifier: Apache-2.0
#include "generator/project/explanation.hpp"

#include <set>

#include <fmt/format.h>

namespace karapace::project {

std::vector<std::pair<std::string, std::string>> ExplainedStep::fields() const {
  std::vector<std::pair<std::string, std::string>> all;
  if (!step) return all;
  step->for_each_field([&](std::string_view name, std::string_view value) { all.emplace_back(name, value); });
  return all;
}

std::string ExplainedStep::title() const {
  if (!step) return "unknown";
  std::string title(karapace::text(step->kind));
  if (subject) return title + " " + *subject;
  if (auto digest = step->parameter("sha256")) return fmt::format("{} sha256 {}", title, digest->substr(0, 12));
  if (auto digest = step->parameter("blake3")) return fmt::format("{} blake3 {}", title, digest->substr(0, 12));
  if (auto lock = step->parameter("lock")) return fmt::format("{} {}", title, lock->substr(0, 12));
  return title;
}

void StepLibrary::add(const lock::Lock& lock) {
  graph::Planner planner;
  planner.add_release(lock, planner.add(lock, lock::serialise(lock)).back());
  graph::Graph graph = std::move(planner).finish();
  for (auto& edge : graph.edges) planned_.try_emplace(edge.key, std::move(edge));
}

ExplainedStep StepLibrary::find(const StepKey& key) const {
  ExplainedStep explained{.key = key, .step = {}, .subject = {}, .output = {}};
  if (store_) {
    if (auto record = store_->record(key)) {
      explained.step = std::move(record->step);
      explained.output = std::move(record->output);
    }
  }
  auto planned = planned_.find(key);
  if (planned == planned_.end()) return explained;
  explained.step = planned->second.step;
  explained.subject = planned->second.subject;
  return explained;
}

std::vector<StepKey> StepLibrary::matching(std::string_view digits) const {
  std::set<StepKey> found;
  for (const auto& [key, edge] : planned_) {
    if (key.hex().starts_with(digits)) found.insert(key);
  }
  if (store_ && !digits.empty()) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(store_->root() / "steps", none)) {
      auto key = StepKey::from_hex(entry.path().filename().native());
      if (key && entry.path().filename().native().starts_with(digits)) found.insert(*key);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace karapace::project
