// SPDX-License-Identifier: Apache-2.0
// GraphIndex: finds a graph's edges by key, and those that make up an environment.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "generator/graph/graph.hpp"
#include "generator/graph/step_table.hpp"
#include "store/identifiers.hpp"

namespace karapace::diff {

/// How far up in an environment something lies: what changes there changes everything after it.
enum class Stage { base, packages, setup, layers, environment };
constexpr std::array<Stage, 5> stages = {Stage::base, Stage::packages, Stage::setup, Stage::layers, Stage::environment};
std::string_view text(Stage stage) noexcept;

/// The edge of each stage; null where the environment has none. Layers of the manifest's own are several, and stand on
/// nothing.
struct EnvironmentEdges {
  std::array<const graph::Edge*, stages.size()> of{};
  std::vector<const graph::Edge*> layers;  // in their order, the lowest first
  const graph::Edge* lock = nullptr;       // its fetch

  const graph::Edge* at(Stage stage) const noexcept { return of[static_cast<std::size_t>(stage)]; }
  const graph::Edge*& at(Stage stage) noexcept { return of[static_cast<std::size_t>(stage)]; }
};

class GraphIndex {
 public:
  /// `graph` must live longer.
  explicit GraphIndex(const graph::Graph& graph);

  const graph::Graph& graph() const noexcept { return graph_; }
  bool contains(const StepKey& key) const { return places_.find(key).has_value(); }
  /// Null when the graph has no such step.
  const graph::Edge* find(const StepKey& key) const;
  /// GraphError when the step is not of the shape that the planner gives environments.
  EnvironmentEdges environment(const StepKey& step) const;

 private:
  const graph::Graph& graph_;
  graph::StepTable places_;
};

/// How many of the edge's inputs are the layers that it stands on.
std::size_t base_layers(const graph::Edge& edge);

/// What the graph tells of an environment's lock: all but what was asked for, the archives' state, the sources of files
/// and the packages' architectures.
lock::Lock lock_outline(const GraphIndex& graph, const EnvironmentEdges& edges);

}  // namespace karapace::diff
