// SPDX-License-Identifier: Apache-2.0
// Pairing: which environment of the old side is which of the new one.
#pragma once

#include <vector>

#include "generator/graph/diff/graph_index.hpp"
#include "generator/graph/diff/side.hpp"

namespace karapace::diff {

struct IndexedSide {
  const std::vector<EnvironmentState>& environments;
  const GraphIndex& graph;
};

struct EnvironmentPair {
  const EnvironmentState* before = nullptr;  // null: added
  const EnvironmentState* after = nullptr;   // null: removed
};

/// By the manifest's place, else by name, else by content; where names are not known, those with most packages in
/// common. A single environment on either side is the same one whatever it is called. In the new side's order, what
/// was removed last. The sides must live longer.
std::vector<EnvironmentPair> pair_environments(const IndexedSide& before, const IndexedSide& after);

}  // namespace karapace::diff
