// SPDX-License-Identifier: Apache-2.0
// install: unpacked packages of one family, in the lock's order, on top of base layers or of nothing.
#include <algorithm>
#include <utility>

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
  const auto [base_inputs, layers] = base_layers(context);
  const trees::LayerStack lower(context.store, layers);
  trees::Composition tree(lower);
  Installation installation{context, lower, tree, {}, lower.newest_time()};
  for (auto i = base_inputs; i < context.step.inputs.size(); ++i) {
    auto package = load_package(context.store, context.step.inputs[i], family.name);
    installation.epoch = std::max(installation.epoch, package.newest_time);
    installation.packages.push_back(std::move(package));
  }
  const auto plan = family.install(std::move(installation));
  return LayerOutput{build_layer(context, std::move(tree), lower, plan)};
}

}  // namespace karapace::steps
