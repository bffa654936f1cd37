// SPDX-License-Identifier: Apache-2.0
#include "proof/record_comparison.hpp"

#include <algorithm>
#include <set>

namespace karapace::proof {

namespace {

std::optional<StepOutput> output_of(const Outputs& outputs, const StepKey& step) {
  auto found = outputs.find(step);
  return found == outputs.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

RecordComparison compare(const graph::Graph& graph, const Outputs& first, const Outputs& second) {
  RecordComparison result;
  result.steps = graph.edges.size();
  std::set<StepKey> different;
  for (const auto& edge : graph.edges) {
    const auto& inputs = edge.step.inputs;
    bool reads_another =
        std::any_of(inputs.begin(), inputs.end(), [&](const StepKey& key) { return different.contains(key); });
    auto here = output_of(first, edge.key);
    auto there = output_of(second, edge.key);
    bool is_same = here == there && !(reads_another && edge.step.kind == StepKind::environment);
    if (is_same) {
      ++result.same;
      continue;
    }
    different.insert(edge.key);
    if (reads_another) {
      result.consequences.push_back(edge.key);
    } else {
      result.causes.push_back({edge.key, here, there});
    }
  }
  return result;
}

const LayerId* layer_of(const std::optional<StepOutput>& output) noexcept {
  const auto* layer = output ? std::get_if<LayerOutput>(&*output) : nullptr;
  return layer ? &layer->layer : nullptr;
}

}  // namespace karapace::proof
