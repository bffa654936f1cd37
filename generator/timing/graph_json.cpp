// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include <fmt/format.h>

#include "base/json/fields.hpp"
#include "generator/timing/dot_text.hpp"
#include "store/identifiers.hpp"

namespace karapace::timing {

namespace {

std::string last_build(const MeasuredGraph& measured) {
  if (!measured.last_build) return "null";
  const auto& last = *measured.last_build;
  JsonFields fields;
  fields.number("cache_hit_count", last.hits);
  fields.number("duration_ms", last.duration.count());
  fields.number("other_command_count", last.others.size());
  fields.number("step_count", last.steps);
  return fields.object();
}

std::string totals(const MeasuredGraph& measured) {
  JsonFields fields;
  fields.number("built_count", measured.built);
  fields.number("critical_path_ms", measured.critical.duration.count());
  fields.number("step_count", measured.graph.edges.size());
  fields.number("timed_count", measured.timed);
  fields.number("work_ms", measured.work.count());
  return fields.object();
}

std::string ran(const std::optional<Ran>& last) {
  if (!last) return "null";
  JsonFields fields;
  fields.boolean("cache_hit", last->hit);
  fields.number("end_ms", last->end.count());
  fields.number("start_ms", last->start.count());
  return fields.object();
}

std::string keys(const std::vector<StepKey>& keys) {
  std::string text = "[";
  for (const auto& key : keys) text += (text.size() > 1 ? ",\"" : "\"") + key.hex() + "\"";
  return text + "]";
}

std::string step(const MeasuredGraph& measured, EdgeIndex index) {
  const auto& edge = measured.edge(index);
  const auto& measurement = measured.measurements[index];
  JsonFields fields;
  fields.boolean("built", measurement.built);
  fields.boolean("critical", measurement.critical);
  fields.raw("inputs", keys(edge.step.inputs));
  fields.string("kind", text(edge.step.kind));
  fields.raw("last_run", ran(measurement.last));
  fields.number_or_null("package_count", packages_of(measured, index));
  fields.number_or_null("size_bytes", bytes_of(measured, index));
  fields.string("step", edge.key.hex());
  fields.string("subject", edge.subject);
  fields.number_or_null("work_ms", measurement.work ? std::optional(measurement.work->count()) : std::nullopt);
  return fields.object();
}

std::string environment(const MeasuredGraph& measured, EdgeIndex index) {
  const auto& edge = measured.edge(index);
  JsonFields fields;
  fields.string("environment", edge.step.parameter("lock").value_or(""));
  auto name = measured.names.find(edge.key);
  if (name == measured.names.end()) {
    fields.raw("name", "null");
  } else {
    fields.string("name", name->second);
  }
  fields.string("step", edge.key.hex());
  return fields.object();
}

std::vector<StepKey> critical_keys(const MeasuredGraph& measured) {
  std::vector<StepKey> keys;
  for (auto edge : measured.critical.edges) keys.push_back(measured.edge(edge).key);
  return keys;
}

void append_lines(std::string& text, const std::vector<std::string>& items) {
  text += '[';
  for (std::size_t i = 0; i < items.size(); ++i) text += (i == 0 ? "\n    " : ",\n    ") + items[i];
  text += items.empty() ? "]" : "\n  ]";
}

}  // namespace

std::string graph_json(const MeasuredGraph& measured) {
  std::vector<std::string> environments;
  std::vector<std::string> steps;
  steps.reserve(measured.graph.edges.size());
  for (auto i : measured.measurements.indices()) {
    if (measured.edge(i).step.kind == StepKind::environment) environments.push_back(environment(measured, i));
    steps.push_back(step(measured, i));
  }
  std::string text = "{\n  \"critical_path\": " + keys(critical_keys(measured)) +
                     ",\n  \"document\": \"karapace.graph-show\",\n  \"environments\": ";
  append_lines(text, environments);
  text += ",\n  \"last_build\": " + last_build(measured) + ",\n  \"steps\": ";
  append_lines(text, steps);
  return text + ",\n  \"totals\": " + totals(measured) + ",\n  \"version\": 1\n}\n";
}

}  // namespace karapace::timing
