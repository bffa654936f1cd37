// SPDX-License-Identifier: Apache-2.0
// MeasuredGraph: a graph, and what its steps cost as far as Ninja's logs and the store's records tell.
//
// Records hold no times, on purpose. But the line of the log that made a record carries the record's modification time,
// to the nanosecond; so every line can be told from those of cache hits, and the true cost of a step stays known for as
// long as a log keeps that line, even when later builds only found the record there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/index.hpp"
#include "generator/graph/graph.hpp"
#include "generator/timing/ninja_log.hpp"
#include "store/identifiers.hpp"

namespace karapace::timing {

using EdgeIndex = Index<graph::Edge>;
/// A value for each edge of a graph, in the graph's order.
template <class Value>
using PerEdge = IndexedVector<graph::Edge, Value>;

/// What logs and the store say, read by cli/measured_side.cpp.
struct Evidence {
  struct Log {
    NinjaLog content;
    std::filesystem::path path = {};
    std::optional<std::chrono::nanoseconds> written = std::nullopt;  // its own modification time
  };
  std::vector<Log> logs;  // the one that was written last first: of that the last build is told, of all the work
  PerEdge<std::optional<std::chrono::nanoseconds>> records;  // its record's time; nothing when it has none
};

/// A part of the last build.
struct Ran {
  Milliseconds start{};  // since that build began
  Milliseconds end{};
  bool hit = false;  // the record was there already
  Milliseconds duration() const { return end - start; }
};

struct Measurement {
  bool built = false;
  std::optional<Milliseconds> work;  // making the record took that long; nothing when the log does not tell
  std::optional<Ran> last;           // in the last build; nothing when it was up to date, or not reached
  bool critical = false;

  /// What is known best: the work, else what finding it took.
  std::optional<Milliseconds> time() const {
    if (work) return work;
    if (last) return last->duration();
    return std::nullopt;
  }
};

/// A command of the last build that is no step of the graph: a compilation, say.
struct OtherCommand {
  std::vector<std::string> outputs;  // as the log has them
  Milliseconds start{};
  Milliseconds end{};
};

struct LastBuild {
  std::size_t steps = 0;
  std::size_t hits = 0;  // of these
  std::vector<OtherCommand> others;
  Milliseconds duration{};  // from the start of ninja to the end of the last command
};

/// What projects call their environments, by the environment's step: names belong to projects, not to locks.
using EnvironmentNames = std::unordered_map<StepKey, std::string>;

/// The critical path: the chain of edges, each an input of the next, whose durations add up to the most. However many
/// processors there are, a build from nothing takes at least that long.
struct CriticalPath {
  std::vector<EdgeIndex> edges;  // first to last; empty when no edge took any time
  Milliseconds duration{};
};

/// `inputs`: the edges that each waits for, in any order. Edges that wait for each other in a ring count as if
/// they took no time. Among chains of one duration the one with more edges, then the one with earlier edges, from its
/// end.
CriticalPath critical_path(const PerEdge<std::vector<EdgeIndex>>& inputs, const PerEdge<Milliseconds>& durations);

struct MeasuredGraph {
  graph::Graph graph;
  EnvironmentNames names;
  PerEdge<Measurement> measurements;
  PerEdge<std::vector<EdgeIndex>> inputs;  // the edges that each reads, each once, growing
  CriticalPath critical;
  std::size_t built = 0;
  std::size_t timed = 0;  // edges whose work is known
  Milliseconds work{};    // of these
  std::optional<LastBuild> last_build;

  const graph::Edge& edge(EdgeIndex index) const { return graph.edges[index.value()]; }
};

/// `evidence.records` has as many elements as the graph has edges, or none: then nothing counts as built.
MeasuredGraph measure(graph::Graph graph, EnvironmentNames names, const Evidence& evidence);

/// "fetch git 1:2.39.5-0+deb12u2", "environment hello 37740728cfb5"
std::string title_of(const MeasuredGraph& measured, EdgeIndex edge);
/// "hello"; its id's first digits when no project names it.
std::string environment_name(const MeasuredGraph& measured, EdgeIndex edge);

/// Bytes that a `fetch` brings or an `unpack` reads, packages that an `install` installs; nothing for others.
std::optional<std::uint64_t> bytes_of(const MeasuredGraph& measured, EdgeIndex edge);
std::optional<std::size_t> packages_of(const MeasuredGraph& measured, EdgeIndex edge);

}  // namespace karapace::timing
