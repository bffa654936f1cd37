// SPDX-License-Identifier: Apache-2.0
// install: unpacked packages of one family, in the lock's order, on top of base layers or of nothing.
#include <algorithm>
#include <vector>

#include "runtime/steps/layer_build.hpp"
#include "runtime/steps/package_family.hpp"
#include "runtime/steps/step_context.hpp"
#include "runtime/steps/unpacked_package.hpp"
#include "runtime/trees/composition.hpp"
#include "runtime/trees/layer_stack.hpp"
#include "store/identifiers.hpp"

namespace karapace::steps {

StepOutput install(const StepContext& context) {
  const auto& family = package_family(context.step.required("format"));
  const auto layers = base_layers(context);
  const trees::LayerStack lower(context.store, layers);
  trees::Composition tree(lower);
  Installation installation{context, lower, tree, {}, lower.newest_time()};
  for (auto i = layers.size(); i < context.step.inputs.size(); ++i) {
    installation.packages.push_back(load_package(context.store, context.step.inputs[i], family.name));
    installation.epoch = trees::newest_time(installation.packages.back().listing, installation.epoch);
  }
  const auto plan = family.install(std::move(installation));
  return LayerOutput{build_layer(context, tree, lower, plan)};
}

}  // namespace karapace::steps
