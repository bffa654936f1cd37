// SPDX-License-Identifier: Apache-2.0
// RecordedGraph: steps that a store has records of, with everything that led to them, as a graph.
//
// The records themselves hold the steps, so this needs no project and no manifest. The locks, which the store keeps as
// blobs, only tell what the steps are called, and in which order a build takes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "generator/graph/graph.hpp"
#include "store/environment.hpp"
#include "store/store.hpp"

namespace karapace::proof {

struct RecordedEnvironment {
  std::string name;  // the project's, else the first digits of the id
  store::Environment environment;
};

/// What a project builds from source in its environment: no part of that, and so of the graph only when it was asked
/// for.
struct ReleaseLeftOut {
  std::string project;
  StepKey step;                // that assembles it
  std::size_t step_count = 0;  // those that led to it and are not in the graph, with itself
};

struct RecordedGraph {
  graph::Graph graph;                             // inputs before the steps that read them
  std::map<StepKey, StepRecord> records;          // of exactly these steps
  std::vector<RecordedEnvironment> environments;  // those among them
  std::vector<ReleaseLeftOut> left_out = {};      // of the projects that were named, as far as they are built
  std::string title;                              // for people: "dev", "2 environments", "install 184 packages"
  std::vector<FileLock> in_use;                   // keeps the environments from gc
};

/// `words`: environments (as all commands take them), steps (step_words.hpp). NotFoundError when one is unknown or an
/// environment is not built; StepError when a record on the way is missing.
RecordedGraph recorded_graph(const store::Store& store, const std::vector<std::string>& words);
/// Of every environment that is built. NotFoundError when there is none.
RecordedGraph recorded_graph_of_all(const store::Store& store);
/// Of these steps and what led to them.
RecordedGraph recorded_graph(const store::Store& store, const std::vector<StepKey>& steps);

/// What the records say that the steps made.
std::map<StepKey, StepOutput> outputs_of(const RecordedGraph& graph);

/// "install 184 packages (3f9c21d0a4be)", "environment dev"
std::string step_title(const RecordedGraph& graph, const graph::Edge& edge);

}  // namespace karapace::proof
