// SPDX-License-Identifier: Apache-2.0
// The `pack` steps of an environment: which blobs the layers of its image are (docs/images.md). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "store/step.hpp"

namespace karapace::graph {

struct PackOptions {
  std::string compression = "zstd";  // or "gzip"
  std::size_t most_layers = 0;       // 0: as many as the environment has
};

struct PlannedPack {
  Step step;
  StepKey key;
  // Of the environment's layers, bottom first: several become one.
  std::size_t first = 0;
  std::size_t count = 1;
};

/// Bottom first. Where there are more layers than may be, those at the top become one: what lies lower is shared by
/// more environments and changes less often. `environment`: the step of the environment.
std::vector<PlannedPack> plan_packs(const Step& environment, const PackOptions& options);

}  // namespace karapace::graph
