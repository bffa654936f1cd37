// SPDX-License-Identifier: Apache-2.0
// Comparing what the steps of a graph made here with what they made elsewhere. Pure.
//
// A step whose outputs differ although its inputs are the same is a cause. What differs after a cause (it read
// something else) is a consequence, and nobody's fault.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "generator/graph/graph.hpp"
#include "store/step.hpp"

namespace karapace::proof {

using Outputs = std::map<StepKey, StepOutput>;

struct Divergence {
  StepKey step;
  std::optional<StepOutput> first;
  std::optional<StepOutput> second;  // nothing: there the step made nothing
};

struct RecordComparison {
  std::size_t steps = 0;
  std::size_t same = 0;
  std::vector<Divergence> causes;     // in the graph's order
  std::vector<StepKey> consequences;  // so too
};

/// Of every edge, whose inputs come before it. An environment is a consequence of every layer that differs, since its
/// own output is only its name.
RecordComparison compare(const graph::Graph& graph, const Outputs& first, const Outputs& second);

/// The layer among outputs; null when it is something else, or nothing.
const LayerId* layer_of(const std::optional<StepOutput>& output) noexcept;

}  // namespace karapace::proof
