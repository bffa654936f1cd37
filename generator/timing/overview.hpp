// SPDX-License-Identifier: Apache-2.0
// Overview: a graph folded into what fits on a page.
//
// Hundreds of packages make hundreds of fetches and unpacks, which all look alike. Those that the same installations
// use are one node here; so are the files that a set-up reads. Installations, set-ups and environments stay nodes of
// their own, and the fetch of an environment's lock counts to the environment. Every edge of the graph is in exactly
// one node.
#pragma once

#include <string>
#include <vector>

#include "generator/timing/measured_graph.hpp"

namespace karapace::timing {

struct OverviewNode {
  enum class Kind { packages, archive, files, install, setup, commit, environment };
  Kind kind{};
  std::vector<EdgeIndex> edges;             // the graph's, growing
  std::vector<Index<OverviewNode>> inputs;  // growing; only those that no longer way leads to
  std::vector<EdgeIndex> environments;      // the environments that need this, growing
  std::size_t groups = 1;                   // of packages: how many were put together because there were too many
  bool critical = false;                    // the critical path runs through it
};

using NodeIndex = Index<OverviewNode>;

struct Overview {
  IndexedVector<OverviewNode> nodes;  // inputs first
  /// Whether the critical path leads from node `from` to node `to`.
  bool is_critical(NodeIndex from, NodeIndex to) const;
};

/// Of the groups of packages no more than `most_groups` stay apart: the smallest are put together.
Overview overview(const MeasuredGraph& measured, std::size_t most_groups = 60);

}  // namespace karapace::timing
