// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/step_context.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "store/distinct_layers.hpp"

namespace karapace::steps {

std::string StepContext::hint(std::string_view name, std::string fallback) const {
  auto found = hints.find(name);
  return found == hints.end() ? std::move(fallback) : found->second;
}

std::int64_t number_parameter(const Step& step, std::string_view name) {
  auto value = step.required(name);
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) {
    throw StepError(fmt::format("{} step: {}={} is not a number", text(step.kind), name, value));
  }
  return number;
}

void check_rules(const Step& step) {
  auto asked = step.parameter("rules").value_or("");
  if (asked == rules(step.kind)) return;
  throw StepError(
      fmt::format("the {} step follows the rules \"{}\", and this version of Karapace has \"{}\"; run `karapace gen`",
                  text(step.kind), escaped_utf8(asked), rules(step.kind)));
}

BaseLayers base_layers(const StepContext& context) {
  auto count = number_parameter(context.step, "base-layers");
  if (count < 0 || static_cast<std::size_t>(count) > context.step.inputs.size()) {
    throw StepError(fmt::format("{} step: base-layers={} does not fit its {} inputs", text(context.step.kind), count,
                                context.step.inputs.size()));
  }
  const auto inputs = static_cast<std::size_t>(count);
  return {inputs, layers_of_inputs(context, inputs)};
}

std::vector<LayerId> layers_of_inputs(const StepContext& context, std::size_t count) {
  std::vector<LayerId> layers;
  for (std::size_t i = 0; i < count; ++i)
    layers.push_back(context.store.input_record(context.step.inputs[i]).layer().layer);
  return store::distinct_layers(layers);
}

}  // namespace karapace::steps
