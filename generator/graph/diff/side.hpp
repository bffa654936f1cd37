// SPDX-License-Identifier: Apache-2.0
// GraphSide: one side of a comparison: a graph, and the environments that it builds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "generator/graph/graph.hpp"
#include "store/identifiers.hpp"

namespace karapace::diff {

struct EnvironmentState {
  std::string name;   // for people; empty when nothing tells it
  std::string place;  // the manifest, relative to what the side is: "tools/ci.toml"; empty when nothing tells it
  EnvironmentId id;
  StepKey step;
  std::optional<lock::Lock> lock;  // what a graph alone tells is enough to explain most changes
};

struct GraphSide {
  std::string title;  // as the person called it: "HEAD~1", "build/build.ninja"
  graph::Graph graph;
  std::vector<EnvironmentState> environments;
  std::vector<std::string> notes;  // what a person should know about it: a manifest without a lock
};

}  // namespace karapace::diff
