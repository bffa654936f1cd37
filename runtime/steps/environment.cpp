// SPDX-License-Identifier: Apache-2.0
// environment: an ordered stack of layers, a runtime configuration and the lock that they were made from.
#include "store/environment.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "runtime/steps/step_context.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::steps {

StepOutput environment(const StepContext& context) {
  const auto& inputs = context.step.inputs;
  if (inputs.size() < 2) throw StepError("environment step: layers and a lock are expected as inputs");
  auto id = EnvironmentId::from_hex(context.step.required("lock"));
  if (!id) throw StepError("environment step: the parameter \"lock\" is not a digest");
  auto lock = context.store.input_record(inputs.back()).blob();
  if (lock.blob.digest() != id->digest()) {
    throw StepError(fmt::format("environment step: the lock's digest is {}, not {}", lock.blob.hex(), id->hex()));
  }
  store::Environment environment;
  environment.id = *id;
  environment.step = context.key;
  environment.lock = lock.blob;
  environment.runtime =
      store::RuntimeConfiguration::parse(context.step.required("runtime"), "environment step: runtime");
  environment.layers = layers_of_inputs(context, inputs.size() - 1);
  store::add_environment(context.store, environment);
  return EnvironmentOutput{*id};
}

}  // namespace karapace::steps
