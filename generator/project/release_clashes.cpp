// SPDX-License-Identifier: Apache-2.0
#include "generator/project/release_clashes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "store/listing.hpp"
#include "store/release_clash.hpp"

namespace karapace::project {

namespace {

std::string place_of(const Project& project, const std::string& source) {
  if (!project.manifest.release) return {};
  const auto& all = project.manifest.release->sources;
  const auto found = std::ranges::find(all, source, &manifest::SourceRequest::name);
  return found == all.end() || found->place.text.empty() ? std::string() : found->place.text + ": ";
}

}  // namespace

void refuse_known_clashes(const Project& project, const lock::LockedRelease& release,
                          const graph::PlannedRelease& planned, const store::Store& store) {
  if (store.record(planned.tree())) return;
  store::ReleasePaths paths;
  for (const auto* package : lock::with_dependencies(release, release.source(release.main))) {
    const auto record = store.record(planned.compiles.at(package->name));
    if (!record || !store.has_layer(record->layer().layer)) continue;
    if (const auto clash = paths.add(package->name, store.listing(record->layer().layer)))
      throw ManifestError(fmt::format("{}source \"{}\": {}", place_of(project, package->name), package->name,
                                      store::text(*clash)));
  }
}

}  // namespace karapace::project
