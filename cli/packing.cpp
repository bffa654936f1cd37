// SPDX-License-Identifier: Apache-2.0
#include "cli/packing.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/sibling_programs.hpp"
#include "cli/key_report.hpp"
#include "store/environment.hpp"
#include "store/repair.hpp"

namespace karapace::cli {

namespace {

Step pack_step(const StepKey& layer) {
  return Step::normalised(StepKind::pack, {{"compression", "zstd"}, rules_of(StepKind::pack)}, {layer});
}

void run_pack(const store::Store& store, const Step& step) {
  std::vector<std::string> argv{find_program("karapace-step"), "pack", store.step_path(step.key())};
  for (const auto& [name, value] : step.parameters) argv.push_back(fmt::format("{}={}", name, value));
  argv.emplace_back("--");
  for (const auto& input : step.inputs) argv.push_back(store.step_path(input));
  if (run_child({.argv = std::move(argv), .working_directory = {}, .output = ChildOutput::to_stderr}) != 0)
    throw StepError(fmt::format("the layer of the step {} can not be packed (see above)", step.inputs[0].short_hex()));
}

}  // namespace

std::vector<exchange::Pack> pack_environment(const Context& /*context*/, const BuildingArguments& /*building*/,
                                             const store::Store& store, const EnvironmentId& environment) {
  const auto record = store::find_environment(store, environment);
  if (!record)
    throw NotFoundError(fmt::format("the environment {} is not built: run `karapace build`", environment.short_hex()));
  const auto inputs = store.input_record(record->step).step.inputs;
  std::vector<exchange::Pack> packs;
  for (std::size_t i = 0; i + 1 < inputs.size(); ++i) {
    const auto step = pack_step(inputs[i]);
    store::forget_lost_outputs(store, {step.key()});
    run_pack(store, step);
    packs.push_back({record->layers[i], step.key()});
  }
  return packs;
}

std::filesystem::path signing_key(const std::string& word) {
  const auto directory = keys_directory();
  if (word.find('/') != word.npos) return std::filesystem::absolute(word);
  std::vector<std::string> names;
  for (const auto& file : signing::find_keys(directory).keys)
    if (file.has_secret) names.push_back(file.key.name);
  const bool is_there = std::find(names.begin(), names.end(), word) != names.end();
  if (is_there) return directory / (word + ".key");
  if (word.empty() && names.size() == 1) return directory / (names.front() + ".key");
  if (names.empty()) throw UsageError("there is no key to sign with: `karapace key new NAME` makes one");
  throw UsageError(
      word.empty()
          ? fmt::format("there are several keys: say which signs, --key {}", fmt::join(names, " or --key "))
          : fmt::format("there is no key \"{}\" to sign with, but {}", escaped_utf8(word), fmt::join(names, ", ")));
}

}  // namespace karapace::cli
