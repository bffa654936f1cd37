// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/diff/graph_diff.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "base/parallel.hpp"
#include "base/words.hpp"
#include "generator/graph/diff/lock_causes.hpp"
#include "generator/graph/diff/pairing.hpp"
#include "store/identifiers.hpp"

namespace karapace::diff {

namespace {

using State = EnvironmentChange::State;

// What is known of one environment on one side.
struct Half {
  std::optional<EnvironmentEdges> edges;
  std::optional<lock::Lock> outline;
  const lock::Lock* lock = nullptr;  // the state's or the outline; null when there is no such environment
  Knowledge knowledge = Knowledge::whole;
};

// One pair, analysed by itself.
struct Analysis {
  EnvironmentPair pair;
  Half before;
  Half after;
  std::vector<Cause> causes;
};

void open_half(const GraphIndex& graph, const EnvironmentState* state, Half& half) {
  if (state == nullptr) return;
  half.edges = graph.environment(state->step);
  if (state->lock) {
    half.lock = &*state->lock;
    return;
  }
  half.knowledge = Knowledge::outline;
  half.outline = lock_outline(graph, *half.edges);
  half.lock = &*half.outline;
}

/// The first stage whose steps differ though the locks do not.
Stage first_difference(const EnvironmentEdges& before, const EnvironmentEdges& after) {
  for (auto stage : stages) {
    const graph::Edge* old = before.at(stage);
    const graph::Edge* now = after.at(stage);
    if ((old == nullptr) != (now == nullptr) || (old != nullptr && old->key != now->key)) return stage;
    const auto same_key = [](const graph::Edge* a, const graph::Edge* b) { return a->key == b->key; };
    if (stage == Stage::layers && !std::ranges::equal(before.layers, after.layers, same_key)) return stage;
  }
  return Stage::environment;
}

std::string shown_name(const EnvironmentState& state) { return state.name.empty() ? state.id.short_hex() : state.name; }

/// What an environment consists of, for those that are wholly new or gone.
std::string contents_text(const lock::Lock& lock) {
  auto base = fmt::format("{}/{}", lock.distribution, lock.suite);
  if (lock.archive) base = "a base archive";
  if (lock.image) base = "a base image";
  return fmt::format("{}, {}", base, counted(lock.base.size() + lock.packages.size(), "package"));
}

/// What locks say that no cause is about.
std::string unseen_change(const Analysis& analysis) {
  const bool knows = analysis.before.knowledge == Knowledge::whole && analysis.after.knowledge == Knowledge::whole;
  const auto before = static_cast<int>(analysis.before.lock->format);
  const auto after = static_cast<int>(analysis.after.lock->format);
  return knows && before != after ? fmt::format("the lock's format: {} → {}", before, after) : "";
}

/// Fills in the causes of one pair.
void analyse(const GraphIndex& old_graph, const GraphIndex& new_graph, const std::string& name, Analysis& analysis) {
  const auto& [before, after] = analysis.pair;
  bool same_step = before != nullptr && after != nullptr && before->step == after->step;
  if (same_step) return;
  open_half(old_graph, before, analysis.before);
  open_half(new_graph, after, analysis.after);
  auto& causes = analysis.causes;
  if (before == nullptr || after == nullptr) {
    auto kind = before == nullptr ? CauseKind::environment_added : CauseKind::environment_removed;
    const lock::Lock& lock = before == nullptr ? *analysis.after.lock : *analysis.before.lock;
    causes.push_back({kind, Stage::base, name, std::nullopt, std::nullopt, {contents_text(lock)}, {}});
  } else if (before->id == after->id) {
    causes.push_back(
        {CauseKind::planner, first_difference(*analysis.before.edges, *analysis.after.edges), "", {}, {}, {}, {}});
  } else {
    causes =
        lock_causes({*analysis.before.lock, *analysis.after.lock, analysis.before.knowledge, analysis.after.knowledge});
    if (causes.empty())
      causes.push_back({CauseKind::lock, Stage::environment, unseen_change(analysis), {}, {}, {}, {}});
  }
}

class Diffing {
 public:
  Diffing(const GraphSide& before, const GraphSide& after)
      : before_(before),
        after_(after),
        old_graph_(before.graph),
        new_graph_(after.graph),
        old_differs_(lacking(before.graph, new_graph_)),
        new_differs_(lacking(after.graph, old_graph_)) {}

  GraphDiff run() {
    diff_.before = before_.title;
    diff_.after = after_.title;
    diff_.notes = before_.notes;
    diff_.notes.insert(diff_.notes.end(), after_.notes.begin(), after_.notes.end());
    analyse_pairs();
    merge_causes();
    for (auto i : analyses_.indices()) blame(i);
    collect_steps();
    group_causes();
    return std::move(diff_);
  }

 private:
  using ByName = std::unordered_map<std::string, CauseIndex>;

  void analyse_pairs() {
    for (const auto& pair : pair_environments({before_.environments, old_graph_}, {after_.environments, new_graph_}))
      analyses_.push_back({pair, {}, {}, {}});
    for (const auto& analysis : analyses_) diff_.environments.push_back(change_of(analysis.pair));
    tell_apart();
    for_each_index(analyses_.size(), available_threads(), [&](std::size_t i) { analyse_one(EnvironmentIndex(i)); });
    for (auto i : analyses_.indices()) {
      bool outlined = analyses_[i].before.outline || analyses_[i].after.outline;
      if (outlined && diff_.environments[i].state == State::changed) diff_.outlined = true;
    }
  }

  void analyse_one(EnvironmentIndex i) { analyse(old_graph_, new_graph_, diff_.environments[i].name, analyses_[i]); }

  static EnvironmentChange change_of(const EnvironmentPair& pair) {
    EnvironmentChange change;
    if (pair.before != nullptr) change.before = pair.before->id;
    if (pair.after != nullptr) change.after = pair.after->id;
    const auto& named =
        pair.after != nullptr && (pair.before == nullptr || !pair.after->name.empty()) ? *pair.after : *pair.before;
    change.name = shown_name(named);
    if (pair.before == nullptr) {
      change.state = State::added;
    } else if (pair.after == nullptr) {
      change.state = State::removed;
    } else {
      change.state = pair.before->step == pair.after->step ? State::same : State::changed;
    }
    return change;
  }

  /// Environments of one name are called by their manifests' places.
  void tell_apart() {
    std::map<std::string, std::size_t> count;
    for (const auto& environment : diff_.environments) ++count[environment.name];
    for (auto i : analyses_.indices()) {
      auto& name = diff_.environments[i].name;
      if (count[name] == 1) continue;
      const auto& pair = analyses_[i].pair;
      const auto& place = (pair.after != nullptr ? pair.after : pair.before)->place;
      if (!place.empty()) name = fmt::format("{} ({})", name, place);
    }
  }

  /// One cause for what several environments have in common.
  void merge_causes() {
    std::map<Cause, std::vector<EnvironmentIndex>> merged;
    for (auto i : analyses_.indices()) {
      for (const auto& cause : analyses_[i].causes) {
        auto& environments = merged[cause];
        if (environments.empty() || environments.back() != i) environments.push_back(i);
      }
    }
    causes_of_.resize(analyses_.size());
    for (auto& [cause, environments] : merged) {
      for (auto environment : environments) causes_of_[environment].push_back(diff_.causes.next_index());
      diff_.causes.push_back({cause, std::move(environments)});
    }
  }

  /// Of each edge whether the other graph lacks it.
  static std::vector<char> lacking(const graph::Graph& graph, const GraphIndex& other) {
    std::vector<char> all(graph.edges.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = !other.contains(graph.edges[i].key);
    return all;
  }

  /// Whether the step is only on one side: what both have did not change, whoever reads it.
  bool differs(const graph::Edge* edge) const {
    if (edge == nullptr) return false;
    const auto& old = before_.graph.edges;
    bool is_old = std::greater_equal<>()(edge, old.data()) && std::less<>()(edge, old.data() + old.size());
    if (is_old) return old_differs_[static_cast<std::size_t>(edge - old.data())] != 0;
    return new_differs_[static_cast<std::size_t>(edge - after_.graph.edges.data())] != 0;
  }

  void blame_step(const graph::Edge* edge, CauseIndex cause) {
    if (differs(edge)) blamed_[edge].insert(cause);
  }

  /// Says of each of this pair's steps that differ from which causes that comes.
  void blame(EnvironmentIndex index) {
    const auto& analysis = analyses_[index];
    if (causes_of_[index].empty()) return;
    ByName by_package;
    ByName by_file;
    ByName by_layer;
    for (auto cause : causes_of_[index]) {
      const auto& one = diff_.causes[cause].cause;
      for (const auto& change : one.follows) by_package.emplace(change.name, cause);
      if (one.kind >= CauseKind::package_added && one.kind <= CauseKind::package_moved)
        by_package.insert_or_assign(one.subject, cause);
      if (one.kind >= CauseKind::file_added && one.kind <= CauseKind::file_changed)
        by_file.insert_or_assign(one.subject, cause);
      if (one.kind >= CauseKind::layer_added && one.kind <= CauseKind::layer_changed)
        by_layer.insert_or_assign(one.subject, cause);
      blame_stages(analysis.before, cause);
      blame_stages(analysis.after, cause);
    }
    auto first = causes_of_[index].front();
    blame_inputs(old_graph_, analysis.before, by_package, by_file, first);
    blame_inputs(new_graph_, analysis.after, by_package, by_file, first);
    blame_layers(old_graph_, analysis.before, by_layer, first);
    blame_layers(new_graph_, analysis.after, by_layer, first);
  }

  void blame_stages(const Half& half, CauseIndex cause) {
    if (!half.edges) return;
    for (auto stage : stages) {
      if (stage >= diff_.causes[cause].cause.stage) blame_step(half.edges->at(stage), cause);
    }
    blame_step(half.edges->lock, cause);
  }

  void blame_inputs(const GraphIndex& graph, const Half& half, const ByName& by_package, const ByName& by_file,
                    CauseIndex otherwise) {
    if (!half.edges) return;
    auto cause_of = [&](const ByName& causes, const std::string& name) {
      auto found = causes.find(name);
      return found == causes.end() ? otherwise : found->second;
    };
    auto packages = [&](Stage stage, const std::vector<lock::LockedPackage>& list) {
      const graph::Edge* install = half.edges->at(stage);
      if (install == nullptr || install->step.kind != StepKind::install || !differs(install)) return;
      auto layers = base_layers(*install);
      for (std::size_t i = 0; i < list.size() && layers + i < install->step.inputs.size(); ++i) {
        const graph::Edge* unpack = graph.find(install->step.inputs[layers + i]);
        if (!differs(unpack)) continue;  // then its fetch does not, either
        auto cause = cause_of(by_package, list[i].name);
        blame_step(unpack, cause);
        blame_step(graph.find(unpack->step.inputs[0]), cause);
      }
    };
    packages(Stage::base, half.lock->base);
    packages(Stage::packages, half.lock->packages);
    if (half.lock->image) {
      const auto* top = half.edges->at(Stage::base);
      blame_step(graph.find(top->step.inputs[0]), otherwise);
      for (std::size_t i = 1; i < top->step.inputs.size(); ++i) {
        const graph::Edge* below = graph.find(top->step.inputs[i]);
        if (below == nullptr) continue;
        blame_step(below, otherwise);
        blame_step(graph.find(below->step.inputs[0]), otherwise);
      }
    }
    if (half.lock->archive) blame_step(graph.find(half.edges->at(Stage::base)->step.inputs[0]), otherwise);
    const graph::Edge* setup = half.edges->at(Stage::setup);
    if (setup == nullptr) return;
    auto layers = base_layers(*setup);
    const auto& files = half.lock->files;
    for (std::size_t i = 0; i < files.size() && layers + i < setup->step.inputs.size(); ++i) {
      blame_step(graph.find(setup->step.inputs[layers + i]), cause_of(by_file, files[i].target));
    }
  }

  void blame_layers(const GraphIndex& graph, const Half& half, const ByName& by_layer, CauseIndex otherwise) {
    if (!half.edges) return;
    for (std::size_t i = 0; i < half.edges->layers.size(); ++i) {
      const graph::Edge* commit = half.edges->layers[i];
      auto found = by_layer.find(half.lock->layers[i].name());
      auto cause = found == by_layer.end() ? otherwise : found->second;
      blame_step(commit, cause);
      blame_step(graph.find(commit->step.inputs[0]), cause);
    }
  }

  void collect_steps() {
    diff_.steps_before = before_.graph.edges.size();
    diff_.steps_after = after_.graph.edges.size();
    auto collect = [&](const graph::Graph& graph, StepChange::State state) {
      for (const auto& edge : graph.edges) {
        if (!differs(&edge)) continue;
        StepChange change{state, &edge, {}};
        if (auto found = blamed_.find(&edge); found != blamed_.end()) {
          change.causes.assign(found->second.begin(), found->second.end());
        }
        diff_.steps.push_back(std::move(change));
      }
    };
    collect(after_.graph, StepChange::State::added);
    diff_.steps_same = diff_.steps_after - diff_.steps.size();
    collect(before_.graph, StepChange::State::removed);
  }

  void group_causes() {
    std::map<std::pair<Stage, std::vector<EnvironmentIndex>>, std::vector<CauseIndex>> groups;
    for (auto i : diff_.causes.indices()) {
      groups[{diff_.causes[i].cause.stage, diff_.causes[i].environments}].push_back(i);
    }
    for (auto& [place, causes] : groups)
      diff_.groups.push_back({std::move(causes), consequences(place.first, place.second)});
    std::stable_sort(diff_.groups.begin(), diff_.groups.end(), [&](const CauseGroup& a, const CauseGroup& b) {
      auto rank = [&](const CauseGroup& group) { return diff_.causes[group.causes[0]].cause.kind; };
      return rank(a) < rank(b);
    });
  }

  std::vector<Consequence> consequences(Stage first, const std::vector<EnvironmentIndex>& environments) const {
    std::vector<Consequence> all;
    for (auto stage : stages) {
      if (stage < first) continue;
      auto consequence = consequence_at(stage, environments);
      if (consequence.count > 0) all.push_back(std::move(consequence));
    }
    return all;
  }

  Consequence consequence_at(Stage stage, const std::vector<EnvironmentIndex>& environments) const {
    Consequence result{stage, {}, 0, {}, {}};
    std::set<StepKey> keys;
    for (auto index : environments) {
      const auto& analysis = analyses_[index];
      const graph::Edge* old = analysis.before.edges ? analysis.before.edges->at(stage) : nullptr;
      const graph::Edge* now = analysis.after.edges ? analysis.after.edges->at(stage) : nullptr;
      if (!differs(old) && !differs(now)) continue;
      result.environments.push_back(diff_.environments[index].name);
      keys.insert((now != nullptr ? now : old)->key);
      if (old != nullptr) result.before = old->subject;
      if (now != nullptr) result.after = now->subject;
    }
    result.count = keys.size();
    return result;
  }

  const GraphSide& before_;
  const GraphSide& after_;
  GraphIndex old_graph_;
  GraphIndex new_graph_;
  std::vector<char> old_differs_;  // of each edge
  std::vector<char> new_differs_;
  GraphDiff diff_;
  IndexedVector<EnvironmentChange, Analysis> analyses_;
  IndexedVector<EnvironmentChange, std::vector<CauseIndex>> causes_of_;
  std::unordered_map<const graph::Edge*, std::set<CauseIndex>> blamed_;
};

}  // namespace

std::string_view text(State state) noexcept {
  switch (state) {
    case State::same: return "same";
    case State::changed: return "changed";
    case State::added: return "added";
    case State::removed: return "removed";
  }
  return "same";
}

bool GraphDiff::same() const noexcept {
  auto unchanged = [](const EnvironmentChange& environment) { return environment.state == State::same; };
  return steps.empty() && std::all_of(environments.begin(), environments.end(), unchanged);
}

GraphDiff diff_graphs(const GraphSide& before, const GraphSide& after) { return Diffing(before, after).run(); }

}  // namespace karapace::diff
