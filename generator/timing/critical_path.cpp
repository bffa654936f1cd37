// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/critical_path.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace karapace::generator {

namespace {

using Adjacency = std::vector<std::vector<std::size_t>>;

Adjacency reversed(std::span<const std::vector<std::size_t>> inputs) {
  Adjacency outputs(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (auto input : inputs[i]) outputs[input].push_back(i);
  }
  return outputs;
}

/// Inputs first; without those on rings.
std::vector<std::size_t> topological_order(std::span<const std::vector<std::size_t>> inputs) {
  auto outputs = reversed(inputs);
  std::vector<std::size_t> waiting(inputs.size());
  std::vector<std::size_t> order;
  order.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    waiting[i] = inputs[i].size();
    if (waiting[i] == 0) order.push_back(i);
  }
  for (std::size_t next = 0; next < order.size(); ++next) {
    for (auto output : outputs[order[next]]) {
      if (--waiting[output] == 0) order.push_back(output);
    }
  }
  return order;
}

// The heaviest chain that ends at an edge.
struct Chain {
  Milliseconds duration{};
  std::size_t length = 0;
  std::optional<std::size_t> before;
};

bool heavier(const Chain& a, const Chain& b) {
  return std::pair(a.duration, a.length) > std::pair(b.duration, b.length);
}

}  // namespace

CriticalPath critical_path(std::span<const std::vector<std::size_t>> inputs, std::span<const Milliseconds> durations) {
  std::vector<Chain> chains(inputs.size());
  std::optional<std::size_t> last;
  for (auto i : topological_order(inputs)) {
    auto& chain = chains[i];
    for (auto input : inputs[i]) {
      bool first = !chain.before;
      bool better = first || heavier(chains[input], chains[*chain.before]);
      bool as_good = !first && !better && !heavier(chains[*chain.before], chains[input]);
      if (better || (as_good && input < *chain.before)) chain.before = input;
    }
    if (chain.before) {
      chain.duration = chains[*chain.before].duration;
      chain.length = chains[*chain.before].length;
    }
    chain.duration += durations[i];
    ++chain.length;
    if (!last || heavier(chain, chains[*last]) || (!heavier(chains[*last], chain) && i < *last)) last = i;
  }
  CriticalPath path;
  if (!last || chains[*last].duration.count() == 0) return path;
  path.duration = chains[*last].duration;
  for (auto at = last; at; at = chains[*at].before) path.edges.push_back(*at);
  std::reverse(path.edges.begin(), path.edges.end());
  return path;
}

}  // namespace karapace::generator
