// SPDX-License-Identifier: Apache-2.0
// The critical path: the chain of edges, each an input of the next, whose durations add up to the most. However many
// processors there are, a build from nothing takes at least that long.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "generator/timing/ninja_log.hpp"

namespace karapace::generator {

struct CriticalPath {
  std::vector<std::size_t> edges;  // first to last; empty when no edge took any time
  Milliseconds duration{};
};

/// `inputs[i]`: the edges that edge i waits for, in any order. Edges that wait for each other in a ring count as if
/// they took no time. Among chains of one duration the one with more edges, then the one with earlier edges, from its
/// end.
CriticalPath critical_path(std::span<const std::vector<std::size_t>> inputs, std::span<const Milliseconds> durations);

}  // namespace karapace::generator
