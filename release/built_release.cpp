// SPDX-License-Identifier: Apache-2.0
#include "release/built_release.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/regular_file.hpp"
#include "generator/graph/graph.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock.hpp"
#include "generator/project/locked_release.hpp"
#include "generator/project/project.hpp"
#include "remote/sha256.hpp"
#include "store/tree_walk.hpp"
#include "store/verified_content.hpp"

namespace karapace::release {

namespace {

using project::Project;

const manifest::ReleaseRequest& release_of(const Project& project) {
  if (project.manifest.release) return *project.manifest.release;
  throw ManifestError(fmt::format("{}: there is no [release] in it: say there what is built from which [[source]]",
                                  escaped_utf8(project.manifest_path.native())));
}

Declared declared_of(const Project& project) {
  const auto& release = release_of(project);
  return {.name = release.name,
          .destination = release.destination,
          .links = release.links,
          .hosts = release.hosts,
          .tests = release.test};
}

[[noreturn]] void refuse_not_built(const Project& project, const std::vector<std::string>& why = {}) {
  throw NotFoundError(fmt::format("release: what {} describes is not built; run `karapace release build`{}{}",
                                  escaped_utf8(project.manifest_path.native()), why.empty() ? "" : ":\n  ",
                                  fmt::join(why, "\n  ")));
}

/// What was built before the manifest or a source changed is not what it describes.
void require_fitting(const Project& project, const lock::Lock& lock, const std::filesystem::path& cache) {
  const auto wanted = project::wanted_intent(project, lock.release, cache);
  std::vector<std::string> why;
  for (const auto& difference : lock::differences(lock::intent_of(lock), wanted)) why.push_back(text(difference));
  if (!why.empty()) refuse_not_built(project, why);
}

/// The output of the step that assembles what the project's lock says.
LayerId tree_of(const store::Store& store, const Project& project, const lock::Lock& lock) {
  graph::Planner planner;
  const auto environment = planner.add(lock, lock::serialise(lock)).back();
  const auto planned = planner.add_release(lock, environment);
  if (!planned) refuse_not_built(project);
  const auto record = store.record(planned->tree());
  if (!record || !store.has_layer(record->layer().layer)) refuse_not_built(project);
  return record->layer().layer;
}

/// release.json of the tree, as its listing says it is.
store::ReleaseDocument document_in(const store::Store& store, const LayerId& tree) {
  const auto listing = store.listing(tree);
  const auto place = store.layer_tree(tree);
  const auto directory = open_at(AT_FDCWD, place, O_RDONLY | O_DIRECTORY);
  const auto* entry = listing.find(store::release_document_file);
  const auto file = open_regular(directory.get(), store::release_document_file, Links::refused);
  const auto what = escaped_utf8((place / store::release_document_file).native());
  if (entry == nullptr || !file) store::throw_damaged(what);
  return store::parse_release_document(store::verified(read_all(file->get(), what), entry->content, what), what);
}

}  // namespace

Declared declared_release(const std::filesystem::path& manifest) {
  return declared_of(project::open_project(manifest, std::filesystem::current_path()));
}

Release find_built_release(const store::Store& store, const std::filesystem::path& manifest,
                           const std::filesystem::path& cache) {
  const auto project = project::open_project(manifest, std::filesystem::current_path());
  const auto declared = declared_of(project);
  const auto text = read_file_if_exists(project.lock_path);
  if (!text) refuse_not_built(project);
  const auto lock = lock::parse_lock(*text, project.lock_path.native());
  require_fitting(project, lock, cache);
  Release release{
      .declared = declared, .document = {}, .tree = tree_of(store, project, lock), .lock = lock::file_text(lock)};
  release.document = document_in(store, release.tree);
  if (release.declared.destination != release.document.destination || release.declared.name != release.document.name ||
      remote::Sha256Hasher().update(release.lock).finish() != release.document.lock)
    refuse_not_built(project);
  return release;
}

}  // namespace karapace::release
