// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/words.hpp"
#include "generator/timing/dot_markup.hpp"
#include "generator/timing/dot_text.hpp"

namespace karapace::timing {

namespace {

std::string label(const MeasuredGraph& measured, EdgeIndex index) {
  const auto& edge = measured.edge(index);
  const auto& measurement = measured.measurements[index];
  bool is_environment = edge.step.kind == StepKind::environment;
  auto subject = is_environment ? environment_name(measured, index) : edge.subject;
  auto text = fmt::format("{}<BR/>{}", dot::small(karapace::text(edge.step.kind)), dot::bold(subject));
  std::string facts;
  if (auto bytes = bytes_of(measured, index); bytes && edge.step.kind == StepKind::fetch) facts = size_text(*bytes);
  if (auto time = measurement.time()) facts += (facts.empty() ? "" : " · ") + duration_text(*time);
  if (!measurement.built) facts += facts.empty() ? "not built" : " · not built";
  if (measurement.last && measurement.last->hit) facts += " · cache hit";
  return facts.empty() ? text : fmt::format("{}<BR/>{}", text, dot::escaped(facts));
}

std::string node(const MeasuredGraph& measured, EdgeIndex index) {
  const auto& measurement = measured.measurements[index];
  auto colours = dot::colours_of(measured.edge(index).step.kind);
  if (!measurement.built) colours = dot::not_built;
  return fmt::format("  n{} [label=<{}>, style=\"rounded,filled{}\", fillcolor=\"{}\", color=\"{}\", penwidth={}];\n",
                     index.value(), label(measured, index), measurement.built ? "" : ",dashed", colours.fill,
                     measurement.critical ? dot::critical : colours.border, measurement.critical ? 3 : 1);
}

/// Whether the critical path goes from one to the other: they follow one another in it.
bool follows(const CriticalPath& path, EdgeIndex from, EdgeIndex to) {
  auto found = std::find(path.edges.begin(), path.edges.end(), from);
  return found != path.edges.end() && found + 1 != path.edges.end() && *(found + 1) == to;
}

}  // namespace

std::string full_dot(const MeasuredGraph& measured) {
  auto text = dot::head(measured) + "  node [shape=box, margin=\"0.12,0.06\"];\n";
  for (auto i : measured.measurements.indices()) text += node(measured, i);
  for (auto to : measured.inputs.indices()) {
    for (auto from : measured.inputs[to]) {
      text += dot::arrow(from.value(), to.value(),
                         measured.measurements[from].critical && follows(measured.critical, from, to));
    }
  }
  return text + "}\n";
}

}  // namespace karapace::timing
