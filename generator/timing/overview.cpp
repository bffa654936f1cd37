// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/overview.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <utility>

namespace karapace::timing {

namespace {

using Indices = std::vector<std::size_t>;
using Kind = OverviewNode::Kind;

constexpr auto nowhere = std::numeric_limits<std::size_t>::max();

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
    case StepKind::unpack: break;
  }
  return edge.step.parameter("format") == "deb" ? Kind::packages : Kind::archive;
}

void make_set(Indices& indices) {
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
}

// A group of fetches and unpacks: what they bring, and the edges that use them.
struct Group {
  Kind kind{};
  Indices users;
  auto operator<=>(const Group&) const = default;
};

class Folding {
 public:
  Folding(const MeasuredGraph& measured, std::size_t most_groups)
      : measured_(measured), edges_(measured.graph.edges), most_groups_(most_groups), node_of_(edges_.size(), nowhere) {
    outputs_.resize(edges_.size());
    for (std::size_t i = 0; i < edges_.size(); ++i) {
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
  Indices users_of(std::size_t edge) const {
    Indices users;
    std::copy_if(outputs_[edge].begin(), outputs_[edge].end(), std::back_inserter(users),
                 [&](std::size_t output) { return !is_small(edges_[output]); });
    return users;
  }
  std::optional<std::size_t> unpack_of(std::size_t edge) const {
    auto found = std::find_if(outputs_[edge].begin(), outputs_[edge].end(),
                              [&](std::size_t output) { return is_small(edges_[output]); });
    return found == outputs_[edge].end() ? std::nullopt : std::optional(*found);
  }

  void group_small_edges() {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      if (!is_small(edges_[i])) continue;
      auto named = unpack_of(i).value_or(i);
      auto users = users_of(named);
      bool is_lock = edges_[named].step.kind == StepKind::fetch && users.size() == 1 &&
                     edges_[users[0]].step.kind == StepKind::environment;
      if (is_lock) {
        locks_[users[0]].push_back(i);
      } else {
        groups_[{kind_of(edges_[named]), std::move(users)}].push_back(i);
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

  void add_node(Kind kind, Indices members) {
    for (auto edge : members) node_of_[edge] = result_.nodes.size();
    bool critical =
        std::any_of(members.begin(), members.end(), [&](auto i) { return measured_.measurements[i].critical; });
    result_.nodes.push_back({kind, std::move(members), {}, {}, 1, critical});
  }
  void add_groups() {
    std::vector<std::pair<Indices, Kind>> ordered;
    for (auto& [group, members] : groups_) ordered.emplace_back(std::move(members), group.kind);
    std::sort(ordered.begin(), ordered.end());
    for (auto& [members, kind] : ordered) add_node(kind, std::move(members));
    if (joined_groups_ == 0) return;
    add_node(Kind::packages, std::move(joined_));
    result_.nodes.back().groups = joined_groups_;
  }
  void add_large_edges() {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      if (is_small(edges_[i])) continue;
      auto members = std::move(locks_[i]);
      members.push_back(i);
      add_node(kind_of(edges_[i]), std::move(members));
    }
  }

  void connect() {
    for (std::size_t to = 0; to < result_.nodes.size(); ++to) {
      auto& inputs = result_.nodes[to].inputs;
      for (auto edge : result_.nodes[to].edges) {
        for (auto input : measured_.inputs[edge]) {
          if (node_of_[input] != to) inputs.push_back(node_of_[input]);
        }
      }
      make_set(inputs);
    }
    for (std::size_t to = 0; to < result_.nodes.size(); ++to) reduced_.push_back(reduced_inputs(to));
    for (std::size_t to = 0; to < result_.nodes.size(); ++to) result_.nodes[to].inputs = std::move(reduced_[to]);
  }
  /// An environment reads all its layers, but each layer stands on the one below: only the uppermost is worth an arrow.
  Indices reduced_inputs(std::size_t to) const {
    const auto& inputs = result_.nodes[to].inputs;
    std::vector<bool> reached(result_.nodes.size());
    Indices pending;
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
    Indices kept;
    std::copy_if(inputs.begin(), inputs.end(), std::back_inserter(kept), [&](auto input) { return !reached[input]; });
    return kept;
  }

  void find_environments() {
    for (auto node = result_.nodes.size(); node-- > 0;) {
      auto& current = result_.nodes[node];
      if (current.kind == Kind::environment) current.environments.push_back(current.edges.back());
      make_set(current.environments);
      for (auto input : current.inputs) {
        auto& below = result_.nodes[input].environments;
        below.insert(below.end(), current.environments.begin(), current.environments.end());
      }
    }
  }

  const MeasuredGraph& measured_;
  const std::vector<graph::Edge>& edges_;
  std::size_t most_groups_;
  Indices node_of_;  // edge -> node
  std::vector<Indices> outputs_;
  std::map<Group, Indices> groups_;
  Indices joined_;  // of the groups of packages that are too many
  std::size_t joined_groups_ = 0;
  std::map<std::size_t, Indices> locks_;  // environment -> the fetch of its lock
  std::vector<Indices> reduced_;
  Overview result_;
};

}  // namespace

bool Overview::is_critical(std::size_t from, std::size_t to) const {
  return nodes[from].critical && nodes[to].critical;
}

Overview overview(const MeasuredGraph& measured, std::size_t most_groups) {
  return Folding(measured, std::max<std::size_t>(most_groups, 1)).run();
}

}  // namespace karapace::timing
