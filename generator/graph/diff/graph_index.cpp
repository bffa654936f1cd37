// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/diff/graph_index.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "store/identifiers.hpp"

namespace karapace::diff {

namespace {

[[noreturn]] void refuse(const graph::Edge& edge) {
  throw GraphError(fmt::format("the step \"{}\" ({}) is not of a shape that this version of Karapace knows",
                               description(edge), edge.key.short_hex()));
}

Stage stage_of(const graph::Edge& layer) {
  switch (layer.step.kind) {
    case StepKind::unpack: return Stage::base;
    case StepKind::install: return base_layers(layer) == 0 ? Stage::base : Stage::packages;
    case StepKind::setup: return Stage::setup;
    case StepKind::commit: return Stage::layers;
    default: refuse(layer);
  }
}

bool is_image_layer(const graph::Edge& edge) { return edge.step.parameter("format") == "oci-layer"; }

}  // namespace

std::string_view text(Stage stage) noexcept {
  constexpr std::array<std::string_view, stages.size()> words = {"base", "packages", "setup", "layers", "environment"};
  return words[static_cast<std::size_t>(stage)];
}

std::size_t base_layers(const graph::Edge& edge) {
  auto digits = edge.step.parameter("base-layers").value_or("");
  std::size_t count = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || count > edge.step.inputs.size()) refuse(edge);
  return count;
}

GraphIndex::GraphIndex(const graph::Graph& graph) : graph_(graph), places_(graph.edges.size()) {
  for (std::size_t i = 0; i < graph.edges.size(); ++i) places_.insert(graph.edges[i].key, i);
}

const graph::Edge* GraphIndex::find(const StepKey& key) const {
  auto found = places_.find(key);
  return found ? &graph_.edges[*found] : nullptr;
}

EnvironmentEdges GraphIndex::environment(const StepKey& step) const {
  const graph::Edge* environment = find(step);
  if (environment == nullptr) throw GraphError(fmt::format("the graph has no step {}", step.short_hex()));
  EnvironmentEdges edges;
  edges.at(Stage::environment) = environment;
  const auto& inputs = environment->step.inputs;
  if (environment->step.kind != StepKind::environment || inputs.size() < 2) refuse(*environment);
  for (std::size_t i = 0; i + 1 < inputs.size(); ++i) {
    const graph::Edge* layer = find(inputs[i]);
    if (layer == nullptr) refuse(*environment);
    const auto stage = stage_of(*layer);
    if (stage == Stage::layers) {
      edges.layers.push_back(layer);
      continue;
    }
    auto& place = edges.at(stage);
    // Of the layers of an image the topmost stands for all: those below are its inputs.
    if (place != nullptr && !(is_image_layer(*place) && is_image_layer(*layer))) refuse(*environment);
    place = layer;
  }
  edges.lock = find(inputs.back());
  if (edges.lock == nullptr || edges.at(Stage::base) == nullptr) refuse(*environment);
  return edges;
}

}  // namespace karapace::diff
