// SPDX-License-Identifier: Apache-2.0
// An environment from the lock that the store keeps of it.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "generator/graph/edge_arguments.hpp"
#include "generator/graph/graph.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/lock/lock.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/project/base_archive.hpp"
#include "generator/project/build_directory.hpp"
#include "generator/project/generate.hpp"
#include "generator/project/locked_image.hpp"
#include "generator/resolve/mirrors.hpp"
#include "store/graph_files.hpp"
#include "store/store.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr const char* graph_file = "build.ninja";

/// The lock of an environment is a blob of the same name: both are the BLAKE3 of its canonical text.
std::string kept_lock(const store::Store& store, const EnvironmentId& id) {
  const BlobId blob(id.digest());
  if (!store.has_blob(blob))
    throw NotFoundError(
        fmt::format("the store has no lock of the environment {0}: where its project or a copy of that lock is, "
                    "`karapace build` makes it; `karapace list` shows what there is",
                    id.hex()));
  const auto file = store.open_blob(blob);
  auto text = read_all(file.get(), "a lock");
  if (blake3(text) == id.digest()) return text;
  throw StoreError(fmt::format(
      "the lock of the environment {} is damaged in the store; run `karapace verify-store --repair`", id.hex()));
}

/// One that is gone, or that can not be read now, has nothing to add.
std::optional<Project> project_if_there(const std::optional<fs::path>& manifest) {
  try {
    return manifest ? std::optional(open_project(*manifest, "/")) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Where the bytes may be that no archive of packages has. Whoever fetches them compares their digests.
std::map<std::string, std::vector<std::string>> places_in(const Project& project, const lock::Lock& lock) {
  std::map<std::string, std::vector<std::string>> places;
  const auto add = [&](const Digest& content, const std::string& name) {
    places[content.hex()].push_back(place_in_project(project.directory(), name));
  };
  for (const auto& file : lock.files) add(file.content, file.source);
  for (const auto& layer : lock.layers) add(layer.content, layer.archive);
  if (const auto* archive = std::get_if<manifest::BaseArchive>(&project.manifest.base))
    places[archive->sha256.hex()].push_back(archive_location(*archive, project.directory()));
  return places;
}

/// The lock says from where an image is; without its project a local one can not be found.
void add_image(std::map<std::string, std::vector<std::string>>& places, const lock::Lock& lock,
               const std::optional<Project>& project, const resolve::Mirrors& mirrors) {
  if (!lock.image || (!project && manifest::is_local_image(lock.request.base_image))) return;
  const auto directory = project ? project->directory() : fs::path("/");
  places.merge(places_of(*lock.image, lock.request.base_image, directory, mirrors));
}

resolve::Mirrors mirrors_for(const lock::Lock& lock, const std::optional<Project>& project, const MachinePaths& paths) {
  resolve::MirrorsRequest request{.distribution = lock.distribution,
                                  .architecture = lock.architecture,
                                  .configuration = paths.configuration,
                                  .cache = paths.cache};
  if (project)
    for (const auto& repository : project->manifest.repositories) request.additional[repository.name] = repository.uri;
  auto mirrors = resolve::find_mirrors(request);
  mirrors.blobs = paths.caches;
  return mirrors;
}

graph::Local local_for(const store::Store& store, const EnvironmentId& id, const StepKey& step,
                       const store::GraphFiles& files, const fs::path& mirrors) {
  auto local = local_part(store, files, mirrors);
  local.environments.push_back({"environment-" + id.short_hex(), id, step});
  return local;
}

fs::path made_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw Error(fmt::format("build: cannot make \"{}\": {}", path.native(), error.message()));
  return path;
}

}  // namespace

KeptGraph generate_kept(const KeptEnvironment& environment, const MachinePaths& paths) {
  const auto store = store::Store::open(paths.store, store::Store::Access::update);
  const auto canonical = kept_lock(store, environment.id);
  const auto lock =
      lock::parse_lock(canonical, fmt::format("the lock of the environment {}", environment.id.short_hex()));
  const auto project = project_if_there(environment.manifest);
  KeptGraph kept{made_directory(paths.cache / "environments" / environment.id.hex()), {}};
  BuildDirectory directory(kept.directory);
  directory.add_lock(environment.id, canonical);
  store::GraphFiles files(store, kept.directory, graph_file);
  graph::Planner planner;
  kept.steps = planner.add(lock, canonical);
  auto places = project ? places_in(*project, lock) : std::map<std::string, std::vector<std::string>>();
  places[environment.id.hex()] = {files.add(environment.id.hex() + ".json", canonical).native()};
  const auto asked = mirrors_for(lock, project, paths);
  add_image(places, lock, project, asked);
  const auto sources = resolve::mirrors_text(asked, places);
  const auto mirrors = files.add("mirrors-" + blake3(sources).short_hex() + ".json", sources);
  const auto graph = std::move(planner).finish();
  have_absent_inputs_made(store, graph);
  for (const auto& edge : graph.edges)
    if (graph::has_arguments_file(edge))
      files.add(edge.key.hex(), graph::arguments_file_text(edge, store.root(), mirrors));
  files.keep();
  const auto local = local_for(store, environment.id, kept.steps.back(), files, mirrors);
  directory.write_graph(graph::ninja_text(graph), graph::local_text(local), 0);
  files.finish();
  return kept;
}

}  // namespace karapace::project
