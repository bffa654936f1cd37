// SPDX-License-Identifier: Apache-2.0
// Building what manifests say: gen in the project's own build directory, then ninja.
#pragma once

#include <filesystem>

#include "cli/building.hpp"
#include "cli/generate_arguments.hpp"

namespace karapace::cli {

struct BuiltManifests {
  project::Generated generated;
  std::filesystem::path directory;  // of the graph
  int status = 0;                   // 128 + the signal that ended ninja
};

enum class InstanceNotes { yes, no };
/// Of environments that others built: `layers` takes them from caches where these have them; `everything` has made here
/// what every step made; `release` has the releases made beside them, ManifestError when a manifest has none.
enum class Wanted { layers, everything, release };

/// StepError when a step failed. Tells people what becomes of instances whose projects have other environments now.
BuiltManifests build_manifests(const Context& context, const GenerateArguments& generate,
                               const BuildingArguments& building, InstanceNotes notes = InstanceNotes::yes,
                               Wanted wanted = Wanted::layers);
/// Has the outputs of these steps made that are not in the store.
void want_everything(const Context& context, const std::vector<StepKey>& steps);

}  // namespace karapace::cli
