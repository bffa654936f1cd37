// SPDX-License-Identifier: Apache-2.0
#include "generator/project/pack_graph.hpp"

#include <map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "generator/graph/edge_arguments.hpp"
#include "generator/graph/graph.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/lock/environment_lock.hpp"
#include "generator/project/build_directory.hpp"
#include "store/graph_files.hpp"

namespace karapace::project {

namespace {

/// What people call the steps of its layers. A lock of a newer release tells nothing.
std::map<StepKey, std::string> titles_of(const store::Store& store, const store::Environment& environment) {
  std::map<StepKey, std::string> titles;
  try {
    const auto lock = lock::lock_of(store, environment);
    for (const auto& edge : graph::plan({&lock, 1}).edges) titles.emplace(edge.key, edge.subject);
  } catch (const LockError&) {
    titles.clear();
  }
  return titles;
}

void require_record(const store::Store& store, const store::Environment& environment, const StepKey& step) {
  if (store.record(step)) return;
  throw StoreError(
      fmt::format("the step {} of the environment {} has no record in this store; run `karapace build` in its project",
                  step.short_hex(), environment.id.short_hex()));
}

std::string subject_of(const graph::PlannedPack& pack, const std::map<StepKey, std::string>& titles) {
  if (pack.count > 1) return counted(pack.count, "layer");
  const auto found = titles.find(pack.step.inputs.front());
  return found == titles.end() ? "layer " + pack.step.inputs.front().short_hex() : found->second;
}

}  // namespace

PackGraph write_pack_graph(const store::Store& store, const store::Environment& environment,
                           const graph::PackOptions& options, const std::filesystem::path& cache) {
  require_record(store, environment, environment.step);
  const auto titles = titles_of(store, environment);
  PackGraph made{cache / "environments" / environment.id.hex() /
                     fmt::format("pack-{}-{}-{}", options.compression, options.most_layers, options.kept_layers),
                 {}};
  std::error_code error;
  std::filesystem::create_directories(made.directory, error);
  if (error) throw Error(fmt::format("cannot make \"{}\": {}", made.directory.native(), error.message()));
  BuildDirectory directory(made.directory);
  store::GraphFiles files(store, made.directory, "build.ninja");
  graph::Graph graph;
  for (auto& pack : graph::plan_packs(store.input_record(environment.step).step, options)) {
    for (const auto& input : pack.step.inputs) require_record(store, environment, input);
    auto subject = subject_of(pack, titles);
    graph::Edge edge{.step = std::move(pack.step),
                     .key = pack.key,
                     .subject = subject,
                     .location = {},
                     .hints = {{"title", subject}}};
    if (graph::has_arguments_file(edge)) files.add(edge.key.hex(), graph::arguments_file_text(edge, store.root(), {}));
    made.steps.push_back(pack.key);
    graph.edges.push_back(std::move(edge));
  }
  files.keep();
  directory.write_graph(graph::ninja_text(graph), graph::local_text(local_part(store, files, {})), 0);
  files.finish();
  return made;
}

}  // namespace karapace::project
