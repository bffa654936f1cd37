// SPDX-License-Identifier: Apache-2.0
#include "proof/recorded_graph.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "generator/lock/environment_lock.hpp"
#include "generator/project/step_words.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/root_index.hpp"

namespace karapace::proof {

namespace {

using graph::Edge;

/// What is wanted, before the graph is known.
struct Targets {
  std::vector<StepKey> steps;
  std::map<EnvironmentId, std::string> names;  // as projects call them
  std::vector<std::filesystem::path> manifests = {};
};

class Collection {
 public:
  Collection(const store::Store& store, Targets targets) : store_(store), targets_(std::move(targets)) {}

  RecordedGraph collect() {
    for (const auto& step : targets_.steps) add(step);
    for (auto& environment : store::environments(store_)) look_at(std::move(environment));
    auto planned = std::move(planner_).finish();
    auto elsewhere = std::move(others_).finish();
    for (const auto* graph : {&planned, &elsewhere})
      for (const auto& edge : graph->edges) edges_.emplace(edge.key, &edge);
    for (const auto* graph : {&planned, &elsewhere})
      for (const auto& edge : graph->edges) emit(edge.key);
    for (const auto& [key, record] : result_.records) emit(key);
    for (const auto& manifest : targets_.manifests) look_at_release(manifest);
    return std::move(result_);
  }

 private:
  /// The step's record and those of all steps before it.
  void add(const StepKey& key) {
    if (result_.records.contains(key)) return;
    auto record = store_.record(key);
    if (!record) {
      throw StepError(
          fmt::format("step {} has no record in this store: it was not built, or collected; "
                      "run `karapace build` in its project",
                      key.short_hex()));
    }
    const auto& added = result_.records.emplace(key, std::move(*record)).first->second;
    for (const auto& input : added.step.inputs) add(input);
  }

  /// An environment's lock names its own steps, and perhaps a step that is wanted alone.
  void look_at(store::Environment environment) {
    bool is_wanted = result_.records.contains(environment.step);
    if (!is_wanted && !wants_steps_alone()) return;
    try {
      auto lock = lock::lock_of(store_, environment);
      (is_wanted ? planner_ : others_).add(lock, lock::serialise(lock));
    } catch (const LockError&) {
      // A lock of another version of Karapace: its steps go by their digits.
    }
    if (!is_wanted) return;
    result_.in_use.push_back(store::use_environment(store_, environment.id));
    auto name = targets_.names.find(environment.id);
    auto called = name == targets_.names.end() ? environment.id.short_hex() : name->second;
    result_.environments.push_back({std::move(called), std::move(environment)});
  }

  /// The steps of a root are those of its environment and of its release.
  void look_at_release(const std::filesystem::path& manifest) {
    const auto root = store::find_root(store_, manifest);
    if (!root) return;
    std::optional<ReleaseLeftOut> release;
    std::size_t count = 0;
    for (const auto& key : root->steps) {
      if (result_.records.contains(key)) continue;
      const auto record = store_.record(key);
      if (!record) continue;
      ++count;
      if (record->step.kind == StepKind::assemble) release = {escaped_utf8(root->name), key, 0};
    }
    if (!release) return;
    release->step_count = count;
    result_.left_out.push_back(*std::move(release));
  }

  /// A step that is wanted alone goes by the name that any lock gives it.
  bool wants_steps_alone() const {
    return std::any_of(targets_.steps.begin(), targets_.steps.end(),
                       [&](const StepKey& key) { return result_.records.at(key).step.kind != StepKind::environment; });
  }

  /// Appends the wanted step, its inputs first.
  void emit(const StepKey& key) {
    auto record = result_.records.find(key);
    if (record == result_.records.end() || !emitted_.insert(key).second) return;
    for (const auto& input : record->second.step.inputs) emit(input);
    auto planned = edges_.find(key);
    if (planned != edges_.end()) {
      result_.graph.edges.push_back(*planned->second);
      return;
    }
    result_.graph.edges.push_back(
        {.step = record->second.step, .key = key, .subject = subject_of(record->second.step, key), .location = {}});
  }

  /// A package of a release says itself what it is called.
  static std::string subject_of(const Step& step, const StepKey& key) {
    const auto name = step.parameter("name");
    const auto version = step.parameter("version");
    if (step.kind != StepKind::compile || !name || !version) return key.short_hex();
    return printable(fmt::format("{} {}", *name, *version));
  }

  const store::Store& store_;
  Targets targets_;
  graph::Planner planner_;
  graph::Planner others_;  // locks that are not wanted: what they call a step counts when nobody else names it
  std::map<StepKey, const Edge*> edges_;
  std::set<StepKey> emitted_;
  RecordedGraph result_;
};

std::string name_of(const store::Reference& reference) {
  return reference.root ? escaped_utf8(reference.root->name) : reference.environment.short_hex();
}

bool is_project_name(const store::Store& store, const std::string& word) {
  return !store::RootIndex::read(store).named(word).empty();
}

void add_word(const store::Store& store, const std::string& word, Targets& targets) {
  if (!is_project_name(store, word)) {
    if (auto step = project::step_named(project::StepLibrary(store), word)) {
      targets.steps.push_back(*step);
      return;
    }
  }
  auto reference = store::resolve_reference(store, word, std::filesystem::current_path());
  auto environment = store::find_environment(store, reference.environment);
  if (!environment) {
    throw NotFoundError(fmt::format("the environment {} is not built; run `karapace build`", name_of(reference)));
  }
  targets.steps.push_back(environment->step);
  targets.names.emplace(environment->id, name_of(reference));
  if (reference.root) targets.manifests.push_back(reference.root->manifest);
}

std::map<EnvironmentId, std::string> project_names(const store::Store& store) {
  std::map<EnvironmentId, std::string> names;
  for (const auto& root : store::RootIndex::read(store).all()) names.emplace(root.environment, escaped_utf8(root.name));
  return names;
}

std::string title_of(const RecordedGraph& graph, std::size_t targets) {
  if (targets == 1 && graph.environments.size() == 1) return graph.environments.front().name;
  if (targets == 1) return step_title(graph, graph.graph.edges.back());
  return graph.environments.size() == targets ? counted(targets, "environment") : counted(targets, "target");
}

}  // namespace

RecordedGraph recorded_graph(const store::Store& store, const std::vector<std::string>& words) {
  Targets targets;
  for (const auto& word : words) add_word(store, word, targets);
  auto graph = Collection(store, std::move(targets)).collect();
  graph.title = title_of(graph, words.size());
  return graph;
}

RecordedGraph recorded_graph_of_all(const store::Store& store) {
  Targets targets{{}, project_names(store)};
  for (const auto& root : store::RootIndex::read(store).all()) targets.manifests.push_back(root.manifest);
  for (const auto& environment : store::environments(store)) targets.steps.push_back(environment.step);
  if (targets.steps.empty()) throw NotFoundError("no environment is built in this store; run `karapace build`");
  auto count = targets.steps.size();
  auto graph = Collection(store, std::move(targets)).collect();
  graph.title = title_of(graph, count);
  return graph;
}

RecordedGraph recorded_graph(const store::Store& store, const std::vector<StepKey>& steps) {
  auto graph = Collection(store, {steps, project_names(store)}).collect();
  bool one = graph.environments.size() == 1;
  graph.title = one ? graph.environments.front().name : counted(graph.graph.edges.size(), "step");
  return graph;
}

std::map<StepKey, StepOutput> outputs_of(const RecordedGraph& graph) {
  std::map<StepKey, StepOutput> outputs;
  for (const auto& [key, record] : graph.records) outputs.emplace(key, record.output);
  return outputs;
}

std::string step_title(const RecordedGraph& graph, const Edge& edge) {
  for (const auto& [name, environment] : graph.environments) {
    if (environment.step == edge.key) return "environment " + name;
  }
  return graph::description(edge);
}

}  // namespace karapace::proof
