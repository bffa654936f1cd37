// SPDX-License-Identifier: Apache-2.0
// Graph names: what a build directory's .karapace/local.ninja calls the environments of its graph.
#pragma once

#include <string_view>
#include <vector>

#include "generator/graph/diff/side.hpp"

namespace karapace::generator {

/// Each environment of the graph, in its order, once per name that it has; without a name when `local` (the text of
/// local.ninja, perhaps empty) tells none.
std::vector<EnvironmentState> named_environments(const Graph& graph, std::string_view local);

}  // namespace karapace::generator
