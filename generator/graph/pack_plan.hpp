// SPDX-License-Identifier: Apache-2.0
// The `pack` steps of an environment: which blobs the layers of its image are (docs/images.md). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "generator/lock/lock.hpp"
#include "store/step.hpp"

namespace karapace::graph {

struct PackOptions {
  std::string compression = "zstd";  // or "gzip"
  std::size_t most_layers = 0;       // 0: as many as the environment has
  std::size_t kept_layers = 0;       // at the bottom: blobs of the image that is its base, which need no packing
};

struct PlannedPack {
  Step step;
  StepKey key;
  // Of the environment's layers, bottom first: several become one.
  std::size_t first = 0;
  std::size_t count = 1;
};

/// How many layers there are as blobs that can be layers of the image as they are. `zstd`: whether it may have such.
enum class ZstdLayers { welcome, unknown };
std::size_t kept_layers(const lock::Lock& lock, ZstdLayers zstd);

/// How many of these are still layers of their own in an image of an environment with `layers` layers.
std::size_t kept_layers(const PackOptions& options, std::size_t layers);

/// Bottom first, without those that are kept. Where there are more layers than may be, those at the top become one:
/// what lies lower is shared by more environments and changes less often. `environment`: the step of the environment.
std::vector<PlannedPack> plan_packs(const Step& environment, const PackOptions& options);

}  // namespace karapace::graph
