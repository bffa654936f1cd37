// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/measured_graph.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "generator/timing/ninja_log.hpp"
#include "store/identifiers.hpp"

namespace karapace::timing {

namespace {

/// The step whose record this output is: ".../steps/<key>".
std::optional<StepKey> key_of(std::string_view output) {
  auto slash = output.rfind('/');
  return StepKey::from_hex(slash == std::string_view::npos ? output : output.substr(slash + 1));
}

PerEdge<std::vector<EdgeIndex>> input_indices(const graph::Graph& graph,
                                              const std::unordered_map<StepKey, EdgeIndex>& by_key) {
  PerEdge<std::vector<EdgeIndex>> inputs(graph.edges.size());
  for (auto i : inputs.indices()) {
    for (const auto& key : graph.edges[i.value()].step.inputs) {
      if (auto found = by_key.find(key); found != by_key.end()) inputs[i].push_back(found->second);
    }
    std::sort(inputs[i].begin(), inputs[i].end());
    inputs[i].erase(std::unique(inputs[i].begin(), inputs[i].end()), inputs[i].end());
  }
  return inputs;
}

class Measuring {
 public:
  Measuring(graph::Graph graph, EnvironmentNames names, const Evidence& evidence) : evidence_(evidence) {
    result_.graph = std::move(graph);
    result_.names = std::move(names);
    result_.measurements.resize(result_.graph.edges.size());
    by_key_.reserve(result_.graph.edges.size());
    for (auto i : result_.measurements.indices()) by_key_.emplace(result_.edge(i).key, i);
    result_.inputs = input_indices(result_.graph, by_key_);
  }

  MeasuredGraph run() && {
    for (auto i : evidence_.records.indices()) {
      result_.measurements[i].built = evidence_.records[i].has_value();
      result_.built += evidence_.records[i] ? 1 : 0;
    }
    for (const auto& log : evidence_.logs) read_work(log.content);
    for (const auto& measurement : result_.measurements) {
      result_.timed += measurement.work ? 1 : 0;
      result_.work += measurement.work.value_or(Milliseconds());
    }
    if (!evidence_.logs.empty()) read_last_run(evidence_.logs.front());
    find_critical_path();
    return std::move(result_);
  }

 private:
  std::optional<EdgeIndex> edge_of(const LogEntry& entry) const {
    auto key = key_of(entry.output);
    auto found = key ? by_key_.find(*key) : by_key_.end();
    return found == by_key_.end() ? std::nullopt : std::optional(found->second);
  }

  void read_work(const NinjaLog& log) {
    if (!log.has_times()) return;
    for (const auto& entry : log.entries) {
      auto edge = edge_of(entry);
      if (edge && made_record(entry, *edge)) result_.measurements[*edge].work = entry.duration();
    }
  }

  bool made_record(const LogEntry& entry, EdgeIndex edge) const {
    return edge < evidence_.records.next_index() && evidence_.records[edge] == entry.stamp;
  }

  /// Whether this is a step whose record is there, and not from then.
  bool is_hit(const LogEntry& entry, std::optional<EdgeIndex> edge) const {
    return edge && result_.measurements[*edge].built && !made_record(entry, *edge);
  }

  void read_last_run(const Evidence::Log& newest) {
    const auto& log = newest.content;
    std::vector<std::optional<EdgeIndex>> edges;  // of each entry
    std::vector<bool> hits;
    edges.reserve(log.entries.size());
    for (const auto& entry : log.entries) {
      edges.push_back(edge_of(entry));
      hits.push_back(is_hit(entry, edges.back()));
    }
    auto indices = last_run(log, newest.written, hits);
    if (indices.empty()) return;
    LastBuild build;
    // One command with several outputs has a line for each.
    std::map<std::tuple<std::uint64_t, Milliseconds, Milliseconds>, std::size_t> others;
    for (auto index : indices) {
      const auto& entry = log.entries[index];
      build.duration = std::max(build.duration, entry.end);
      if (auto edge = edges[index]) {
        result_.measurements[*edge].last = Ran{entry.start, entry.end, hits[index]};
        ++build.steps;
        build.hits += hits[index] ? 1 : 0;
        continue;
      }
      auto [place, fresh] = others.try_emplace({entry.command, entry.start, entry.end}, build.others.size());
      if (fresh) build.others.push_back({{}, entry.start, entry.end});
      build.others[place->second].outputs.push_back(entry.output);
    }
    result_.last_build = std::move(build);
  }

  void find_critical_path() {
    if (result_.timed == 0) return;  // among cache hits it would be chance
    PerEdge<Milliseconds> durations;
    durations.reserve(result_.measurements.size());
    for (const auto& measurement : result_.measurements)
      durations.push_back(measurement.time().value_or(Milliseconds()));
    result_.critical = critical_path(result_.inputs, durations);
    for (auto edge : result_.critical.edges) result_.measurements[edge].critical = true;
  }

  const Evidence& evidence_;
  MeasuredGraph result_;
  std::unordered_map<StepKey, EdgeIndex> by_key_;
};

std::optional<std::uint64_t> size_of(const Step& fetch) {
  auto digits = fetch.parameter("size");
  std::uint64_t size = 0;
  if (!digits) return std::nullopt;
  auto [end, error] = std::from_chars(digits->data(), digits->data() + digits->size(), size);
  if (error != std::errc() || end != digits->data() + digits->size()) return std::nullopt;
  return size;
}

using Adjacency = PerEdge<std::vector<EdgeIndex>>;

Adjacency reversed(const Adjacency& inputs) {
  Adjacency outputs(inputs.size());
  for (auto i : inputs.indices()) {
    for (auto input : inputs[i]) outputs[input].push_back(i);
  }
  return outputs;
}

/// Inputs first; without those on rings.
std::vector<EdgeIndex> topological_order(const Adjacency& inputs) {
  auto outputs = reversed(inputs);
  PerEdge<std::size_t> waiting(inputs.size());  // for how many inputs
  std::vector<EdgeIndex> order;
  order.reserve(inputs.size());
  for (auto i : inputs.indices()) {
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
  std::optional<EdgeIndex> before;
};

bool heavier(const Chain& a, const Chain& b) {
  return std::pair(a.duration, a.length) > std::pair(b.duration, b.length);
}

}  // namespace

MeasuredGraph measure(graph::Graph graph, EnvironmentNames names, const Evidence& evidence) {
  return Measuring(std::move(graph), std::move(names), evidence).run();
}

std::string environment_name(const MeasuredGraph& measured, EdgeIndex edge) {
  const auto& environment = measured.edge(edge);
  auto name = measured.names.find(environment.key);
  return name == measured.names.end() ? environment.subject : name->second;
}

std::string title_of(const MeasuredGraph& measured, EdgeIndex edge) {
  const auto& step = measured.edge(edge);
  if (step.step.kind != StepKind::environment || !measured.names.contains(step.key)) return graph::description(step);
  return fmt::format("environment {} {}", environment_name(measured, edge), step.subject);
}

std::optional<std::uint64_t> bytes_of(const MeasuredGraph& measured, EdgeIndex edge) {
  const auto& step = measured.edge(edge).step;
  if (step.kind == StepKind::fetch) return size_of(step);
  if (step.kind != StepKind::unpack || measured.inputs[edge].size() != 1) return std::nullopt;
  return size_of(measured.edge(measured.inputs[edge][0]).step);
}

std::optional<std::size_t> packages_of(const MeasuredGraph& measured, EdgeIndex edge) {
  const auto& step = measured.edge(edge).step;
  auto layers = step.parameter("base-layers");
  if (step.kind != StepKind::install || !layers) return std::nullopt;
  std::size_t below = 0;
  std::from_chars(layers->data(), layers->data() + layers->size(), below);
  return step.inputs.size() - std::min(below, step.inputs.size());
}

CriticalPath critical_path(const Adjacency& inputs, const PerEdge<Milliseconds>& durations) {
  PerEdge<Chain> chains(inputs.size());
  std::optional<EdgeIndex> last;
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

}  // namespace karapace::timing
