// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "generator/graph/diff/diff_report.hpp"
#include "generator/graph/diff/diff_words.hpp"
#include "store/identifiers.hpp"

namespace karapace::diff {

namespace {

using nlohmann::json;

json or_null(const std::optional<std::string>& value) { return value ? json(*value) : json(); }
json or_null(const std::optional<EnvironmentId>& id) { return id ? json(id->hex()) : json(); }

json cause_json(const GraphDiff& diff, const RootCause& root) {
  const auto& cause = root.cause;
  auto environments = json::array();
  for (auto index : root.environments) environments.push_back(diff.environments[index].name);
  auto packages = json::array();
  for (const auto& change : cause.follows) packages.push_back(package_change_json(change));
  return {{"kind", text(cause.kind)},
          {"stage", text(cause.stage)},
          {"root", is_root(cause)},
          {"text", headline(cause)},
          {"subject", cause.subject},
          {"before", or_null(cause.before)},
          {"after", or_null(cause.after)},
          {"details", cause.details},
          {"package_changes", std::move(packages)},
          {"environment_names", std::move(environments)}};
}

json numbers_of(const std::vector<CauseIndex>& causes) {
  auto numbers = json::array();
  for (auto cause : causes) numbers.push_back(cause.value());
  return numbers;
}

json group_json(const CauseGroup& group) {
  auto consequences = json::array();
  for (const auto& consequence : group.consequences) {
    consequences.push_back({{"stage", text(consequence.stage)},
                            {"text", consequence_text(consequence)},
                            {"step_count", consequence.count},
                            {"environment_names", consequence.environments}});
  }
  return {{"cause_indexes", numbers_of(group.causes)}, {"consequences", std::move(consequences)}};
}

json step_json(const StepChange& change) {
  return {{"change", change.state == StepChange::State::added ? "added" : "removed"},
          {"step", change.edge->key.hex()},
          {"kind", text(change.edge->step.kind)},
          {"subject", change.edge->subject},
          {"cause_indexes", numbers_of(change.causes)}};
}

}  // namespace

json package_change_json(const PackageChange& change) {
  return {{"name", change.name}, {"before", or_null(change.before)}, {"after", or_null(change.after)}};
}

json diff_json(const GraphDiff& diff) {
  auto environments = json::array();
  for (const auto& environment : diff.environments) {
    environments.push_back({{"name", environment.name},
                            {"change", text(environment.state)},
                            {"environment_before", or_null(environment.before)},
                            {"environment_after", or_null(environment.after)}});
  }
  auto causes = json::array();
  for (const auto& cause : diff.causes) causes.push_back(cause_json(diff, cause));
  auto groups = json::array();
  for (const auto& group : diff.groups) groups.push_back(group_json(group));
  auto steps = json::array();
  for (const auto& step : diff.steps) steps.push_back(step_json(step));
  return {{"same", diff.same()},
          {"old_graph", {{"title", diff.before}, {"step_count", diff.steps_before}}},
          {"new_graph", {{"title", diff.after}, {"step_count", diff.steps_after}}},
          {"same_step_count", diff.steps_same},
          {"environments", std::move(environments)},
          {"causes", std::move(causes)},
          {"groups", std::move(groups)},
          {"steps", std::move(steps)},
          {"known_from", diff.outlined ? "graphs" : "locks"},
          {"notes", diff.notes}};
}

}  // namespace karapace::diff
