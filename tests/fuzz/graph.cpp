// SPDX-License-Identifier: Apache-2.0
// Whatever is accepted as a graph gives its steps back, and can be compared with another one.
#include <cstdlib>

#include "base/error.hpp"
#include "generator/graph/diff/graph_diff.hpp"
#include "generator/graph/graph_reader.hpp"
#include "generator/graph/ninja_text.hpp"
#include "store/identifiers.hpp"
#include "tests/fuzz/target.hpp"

void karapace::fuzz_one(std::string_view bytes) {
  diff::GraphSide side;
  try {
    side.graph = graph::read_graph(bytes, "build.ninja");
  } catch (const Error&) {
    return;
  }
  if (graph::read_graph(graph::ninja_text(side.graph), "written") != side.graph) std::abort();
  try {
    for (const auto& edge : side.graph.edges) {
      if (edge.step.kind != StepKind::environment) continue;
      auto id = EnvironmentId::from_hex(edge.step.parameter("lock").value_or(""));
      if (id) side.environments.push_back({"", "", *id, edge.key, std::nullopt});
    }
    diff_graphs(side, {});
    diff_graphs({}, side);
    if (!diff_graphs(side, side).same()) std::abort();
  } catch (const Error&) {
    return;  // steps of other shapes than the planner gives them
  }
}
