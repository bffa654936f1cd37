// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/overview.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace karapace::timing {

namespace {

using Edges = std::vector<EdgeIndex>;
using Nodes = std::vector<NodeIndex>;
using Kind = OverviewNode::Kind;

bool is_small(const graph::Edge& edge) {
  return edge.step.kind == StepKind::fetch || edge.step.kind == StepKind::unpack;
}

Kind kind_of(const graph::Edge& edge) {
  switch (edge.step.kind) {
    case StepKind::install: return Kind::install;
    case StepKind::setup: return Kind::setup;
    case StepKind::environment: return Kind::environment;
    case StepKind::commit: return Kind::commit;
    case StepKind::fetch: return Kind::files;
    case StepKind::unpack:
    case StepKind::source:
    case StepKind::compile:
    case StepKind::assemble:
    case StepKind::pack: break;  // the latter is in no graph that is drawn
  }
  return edge.step.parameter("format") == "tar" ? Kind::archive : Kind::packages;
}

template <class Of>
void make_set(std::vector<Index<Of>>& indices) {
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
}

// A group of fetches and unpacks: what they bring, and the edges that use them.
struct Group {
  Kind kind{};
  Edges users;
  auto operator<=>(const Group&) const = default;
};

class Folding {
 public:
  Folding(const MeasuredGraph& measured, std::size_t most_groups)
      : measured_(measured),
        most_groups_(most_groups),
        node_of_(measured.inputs.size()),
        outputs_(measured.inputs.size()) {
    for (auto i : measured.inputs.indices()) {
      for (auto input : measured.inputs[i]) outputs_[input].push_back(i);
    }
  }

  Overview run() && {
    group_small_edges();
    join_smallest_groups();
    add_groups();
    add_large_edges();
    connect();
    find_environments();
    return std::move(result_);
  }

 private:
  /// Without what goes through an unpack: that is grouped by the unpack's users.
  Edges users_of(EdgeIndex edge) const {
    Edges users;
    std::copy_if(outputs_[edge].begin(), outputs_[edge].end(), std::back_inserter(users),
                 [&](EdgeIndex output) { return !is_small(measured_.edge(output)); });
    return users;
  }
  std::optional<EdgeIndex> unpack_of(EdgeIndex edge) const {
    auto found = std::find_if(outputs_[edge].begin(), outputs_[edge].end(),
                              [&](EdgeIndex output) { return is_small(measured_.edge(output)); });
    return found == outputs_[edge].end() ? std::nullopt : std::optional(*found);
  }

  void group_small_edges() {
    for (auto i : measured_.inputs.indices()) {
      if (!is_small(measured_.edge(i))) continue;
      auto named = unpack_of(i).value_or(i);
      auto users = users_of(named);
      bool is_lock = measured_.edge(named).step.kind == StepKind::fetch && users.size() == 1 &&
                     measured_.edge(users[0]).step.kind == StepKind::environment;
      if (is_lock) {
        locks_[users[0]].push_back(i);
      } else {
        groups_[{kind_of(measured_.edge(named)), std::move(users)}].push_back(i);
      }
    }
  }

  void join_smallest_groups() {
    std::vector<std::pair<std::size_t, const Group*>> sizes;
    for (const auto& [group, members] : groups_) {
      if (group.kind == Kind::packages) sizes.emplace_back(members.size(), &group);
    }
    if (sizes.size() <= most_groups_) return;
    std::stable_sort(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (auto place = sizes.begin() + static_cast<std::ptrdiff_t>(most_groups_ - 1); place != sizes.end(); ++place) {
      auto taken = groups_.extract(*place->second);
      joined_.insert(joined_.end(), taken.mapped().begin(), taken.mapped().end());
      ++joined_groups_;
    }
    make_set(joined_);
  }

  void add_node(Kind kind, Edges members) {
    for (auto edge : members) node_of_[edge] = result_.nodes.next_index();
    bool critical =
        std::any_of(members.begin(), members.end(), [&](auto i) { return measured_.measurements[i].critical; });
    result_.nodes.push_back({kind, std::move(members), {}, {}, 1, critical});
  }
  void add_groups() {
    std::vector<std::pair<Edges, Kind>> ordered;
    for (auto& [group, members] : groups_) ordered.emplace_back(std::move(members), group.kind);
    std::sort(ordered.begin(), ordered.end());
    for (auto& [members, kind] : ordered) add_node(kind, std::move(members));
    if (joined_groups_ == 0) return;
    add_node(Kind::packages, std::move(joined_));
    result_.nodes.back().groups = joined_groups_;
  }
  void add_large_edges() {
    for (auto i : measured_.inputs.indices()) {
      if (is_small(measured_.edge(i))) continue;
      auto members = std::move(locks_[i]);
      members.push_back(i);
      add_node(kind_of(measured_.edge(i)), std::move(members));
    }
  }

  void connect() {
    for (auto to : result_.nodes.indices()) {
      auto& inputs = result_.nodes[to].inputs;
      for (auto edge : result_.nodes[to].edges) {
        for (auto input : measured_.inputs[edge]) {
          if (node_of_[input] != to) inputs.push_back(*node_of_[input]);
        }
      }
      make_set(inputs);
    }
    for (auto to : result_.nodes.indices()) reduced_.push_back(reduced_inputs(to));
    for (auto to : result_.nodes.indices()) result_.nodes[to].inputs = std::move(reduced_[to]);
  }
  /// An environment reads all its layers, but each layer stands on the one below: only the uppermost is worth an arrow.
  Nodes reduced_inputs(NodeIndex to) const {
    const auto& inputs = result_.nodes[to].inputs;
    IndexedVector<OverviewNode, bool> reached(result_.nodes.size());
    Nodes pending;
    for (auto input : inputs) {
      const auto& further = result_.nodes[input].inputs;
      pending.insert(pending.end(), further.begin(), further.end());
    }
    while (!pending.empty()) {
      auto node = pending.back();
      pending.pop_back();
      if (reached[node]) continue;
      reached[node] = true;
      const auto& further = result_.nodes[node].inputs;
      pending.insert(pending.end(), further.begin(), further.end());
    }
    Nodes kept;
    std::copy_if(inputs.begin(), inputs.end(), std::back_inserter(kept), [&](auto input) { return !reached[input]; });
    return kept;
  }

  void find_environments() {
    for (auto current_node = result_.nodes.rbegin(); current_node != result_.nodes.rend(); ++current_node) {
      auto& current = *current_node;
      if (current.kind == Kind::environment) current.environments.push_back(current.edges.back());
      make_set(current.environments);
      for (auto input : current.inputs) {
        auto& below = result_.nodes[input].environments;
        below.insert(below.end(), current.environments.begin(), current.environments.end());
      }
    }
  }

  const MeasuredGraph& measured_;
  std::size_t most_groups_;
  PerEdge<std::optional<NodeIndex>> node_of_;
  PerEdge<Edges> outputs_;
  std::map<Group, Edges> groups_;
  Edges joined_;  // of the groups of packages that are too many
  std::size_t joined_groups_ = 0;
  std::map<EdgeIndex, Edges> locks_;  // environment -> the fetch of its lock
  IndexedVector<OverviewNode, Nodes> reduced_;
  Overview result_;
};

}  // namespace

bool Overview::is_critical(NodeIndex from, NodeIndex to) const { return nodes[from].critical && nodes[to].critical; }

Overview overview(const MeasuredGraph& measured, std::size_t most_groups) {
  return Folding(measured, std::max<std::size_t>(most_groups, 1)).run();
}

}  // namespace karapace::timing
