// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/pack_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"

namespace karapace::graph {

std::vector<PlannedPack> plan_packs(const Step& environment, const PackOptions& options) {
  if (environment.kind != StepKind::environment || environment.inputs.size() < 2)
    throw GraphError(fmt::format("the step {} is none of an environment", environment.key().short_hex()));
  const auto layers = environment.inputs.size() - 1;  // the last input is the lock
  const auto wanted = options.most_layers == 0 ? layers : std::min(layers, options.most_layers);
  std::vector<PlannedPack> packs;
  for (std::size_t first = 0; packs.size() < wanted;) {
    const auto count = packs.size() + 1 == wanted ? layers - first : 1;
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
