// SPDX-License-Identifier: Apache-2.0
// GraphDiff: why one graph is another than before: root causes, what follows from them, and every step that is new or
// gone (docs/graphs.md).
//
// Pure: two sides in, one value out. Every step that differs belongs to at least one cause, and every cause changes at
// least one step.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/index.hpp"
#include "generator/graph/diff/cause.hpp"
#include "generator/graph/diff/side.hpp"
#include "store/identifiers.hpp"

namespace karapace::diff {

struct EnvironmentChange {
  enum class State { same, changed, added, removed };
  State state = State::same;
  std::string name;                     // the new side's, else the old side's; never empty
  std::optional<EnvironmentId> before;  // ids
  std::optional<EnvironmentId> after;
};
std::string_view text(EnvironmentChange::State state) noexcept;
using EnvironmentIndex = Index<EnvironmentChange>;

/// A cause, and where it has an effect.
struct RootCause {
  Cause cause;
  std::vector<EnvironmentIndex> environments;  // ascending
};
using CauseIndex = Index<RootCause>;

/// A composed step (an installation, a set-up, an environment) that changes because of a group's causes.
struct Consequence {
  Stage stage{};
  std::vector<std::string> environments;  // their names
  std::size_t count = 0;                  // different steps of that stage
  std::optional<std::string> before;      // what the step is about, when it is one: "183 packages"; absent: it is new
  std::optional<std::string> after;       // absent: it goes
};

/// Causes that change the same steps: told together, with what follows from all of them.
struct CauseGroup {
  std::vector<CauseIndex> causes;         // ascending
  std::vector<Consequence> consequences;  // in the order in which one leads to the next
};

struct StepChange {
  enum class State { added, removed };
  State state = State::added;
  const graph::Edge* edge = nullptr;  // of the side that has it
  std::vector<CauseIndex> causes;     // ascending
};

struct GraphDiff {
  std::string before;  // titles of the sides
  std::string after;
  std::size_t steps_before = 0;
  std::size_t steps_after = 0;
  std::size_t steps_same = 0;
  IndexedVector<EnvironmentChange> environments;
  IndexedVector<RootCause> causes;  // what is no cause of its own (CauseKind::dependencies) stands among them
  std::vector<CauseGroup> groups;   // in the order of their first effect
  std::vector<StepChange> steps;    // what is new, then what is gone, each in the graph's order
  bool outlined = false;            // some causes come from graphs alone, without locks
  std::vector<std::string> notes;

  bool same() const noexcept;
};

/// The sides must live longer than the result, which points to their edges.
GraphDiff diff_graphs(const GraphSide& before, const GraphSide& after);

}  // namespace karapace::diff
