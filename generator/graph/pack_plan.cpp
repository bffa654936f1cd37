// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/pack_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::graph {

std::size_t kept_layers(const lock::Lock& lock, ZstdLayers zstd) {
  if (!lock.image) return 0;
  const auto& layers = lock.image->layers;
  const bool any_zstd =
      std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.media_type.ends_with("zstd"); });
  return any_zstd && zstd == ZstdLayers::unknown ? 0 : layers.size();
}

std::size_t kept_layers(const PackOptions& options, std::size_t layers) {
  const bool joins = options.most_layers != 0 && options.most_layers < layers;
  return std::min(options.kept_layers, joins ? options.most_layers - 1 : layers);
}

std::vector<PlannedPack> plan_packs(const Step& environment, const PackOptions& options) {
  if (environment.kind != StepKind::environment || environment.inputs.size() < 2)
    throw GraphError(fmt::format("the step {} is none of an environment", environment.key().short_hex()));
  const auto layers = environment.inputs.size() - 1;  // the last input is the lock
  const auto wanted = options.most_layers == 0 ? layers : std::min(layers, options.most_layers);
  std::vector<PlannedPack> packs;
  for (std::size_t first = kept_layers(options, layers); first < layers;) {
    const auto count = first + 1 == wanted ? layers - first : 1;
    std::vector<Parameter> parameters{{"compression", options.compression}, rules_of(StepKind::pack)};
    if (count > 1 && first == 0) parameters.push_back({"below", "nothing"});
    const auto begin = environment.inputs.begin() + static_cast<std::ptrdiff_t>(first);
    auto step =
        Step::normalised(StepKind::pack, std::move(parameters), {begin, begin + static_cast<std::ptrdiff_t>(count)});
    const auto key = step.key();
    packs.push_back({std::move(step), key, first, count});
    first += count;
  }
  return packs;
}

}  // namespace karapace::graph
