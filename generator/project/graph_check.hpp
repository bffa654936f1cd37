// SPDX-License-Identifier: Apache-2.0
// GraphCheck: whether locks and graph are what `karapace gen` would make of the manifests. Writes nothing, asks nobody.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generator/graph/diff/graph_diff.hpp"
#include "generator/lock/intent.hpp"
#include "generator/project/generate.hpp"

namespace karapace::project {

struct LockCheck {
  enum class State { fits, differs, missing };
  std::filesystem::path manifest;
  std::filesystem::path lock;
  State state = State::fits;
  std::vector<lock::Difference> differences;  // see intent.hpp
};
std::string_view text(LockCheck::State state) noexcept;

enum class GraphState {
  fits,
  differs,     // other steps: see the diff
  other_text,  // the same steps: another version of Karapace wrote it
  missing,     // there is no build.ninja
  damaged,     // it is not as we write it
  unknown,     // a lock is missing, so nobody knows what it should be
};
std::string_view text(GraphState state) noexcept;

// The sides stay where they are: the diff points into them.
struct CheckedGraph {
  diff::GraphSide before;  // build.ninja as it is
  diff::GraphSide after;   // as gen would write it
  diff::GraphDiff diff;
};

struct GraphCheck {
  std::filesystem::path graph;  // build.ninja
  std::vector<LockCheck> locks;
  GraphState state = GraphState::unknown;
  std::string damage;                      // what is wrong with a damaged one
  std::unique_ptr<CheckedGraph> compared;  // when it differs

  bool fits() const noexcept;
};

/// As `generate` with this request. With LockPolicy::frozen locks need not fit their manifests. ManifestError and
/// LockError when one is refused.
GraphCheck check_graph(const GenerateRequest& request);

}  // namespace karapace::project
