// SPDX-License-Identifier: Apache-2.0
// The graph of an environment's `pack` steps: for images of what is built, in files that ninja reads.
#pragma once

#include <filesystem>
#include <vector>

#include "generator/graph/pack_plan.hpp"
#include "generator/project/project.hpp"
#include "store/environment.hpp"
#include "store/store.hpp"

namespace karapace::project {

struct PackGraph {
  std::filesystem::path directory;  // where its build.ninja is: in the cache, the same each time
  std::vector<StepKey> steps;       // bottom first
};

/// Writes it. StoreError when the record of a layer's step is gone.
PackGraph write_pack_graph(const store::Store& store, const store::Environment& environment,
                           const graph::PackOptions& options, const std::filesystem::path& cache);

}  // namespace karapace::project
