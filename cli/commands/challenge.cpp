// SPDX-License-Identifier: Apache-2.0
// challenge: who else made an environment, and who made something else.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/packing.hpp"
#include "cli/registry_client.hpp"
#include "cli/table.hpp"
#include "exchange/request.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment = ".";
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path (default: .)");
}

nlohmann::json step_json(const exchange::DifferingStep& step) {
  return {{"has_more_paths", step.has_more_paths},
          {"here", step.here},
          {"kind", step.kind},
          {"paths", step.paths},
          {"step", step.step.hex()},
          {"there", step.there}};
}

nlohmann::json witness_json(const exchange::Witness& witness) {
  auto steps = nlohmann::json::array();
  for (const auto& step : witness.steps) steps.push_back(step_json(step));
  const auto or_null = [](const std::string& text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); };
  return {{"cache", witness.cache},        {"key", or_null(witness.key)},
          {"name", or_null(witness.name)}, {"reason", or_null(witness.reason)},
          {"state", witness.state},        {"steps", std::move(steps)}};
}

std::string verdict_of(const exchange::Witness& witness) {
  if (witness.state == "agrees") return "made the same";
  if (witness.state == "disagrees") return "made something else";
  if (witness.state == "other-steps") return "made it by other steps (another release): not compared";
  if (witness.state == "silent") return "has not made it";
  if (witness.state == "unsigned") return "what is there is not signed by it";
  return "can not be read: " + witness.reason;
}

void print_steps(const Context& context, const exchange::Witness& witness) {
  for (const auto& step : witness.steps) {
    context.print(fmt::format("  {} {}: here {}, there {}\n", step.kind, step.step.short_hex(), step.here, step.there));
    for (const auto& path : step.paths) context.print(fmt::format("    {}\n", path));
    if (step.has_more_paths) context.print("    ...\n");
  }
}

void print_for_people(const Context& context, const std::string& name, const exchange::ChallengeAnswer& answer) {
  const auto count = [&](std::string_view state) {
    return std::count_if(answer.witnesses.begin(), answer.witnesses.end(),
                         [&](const auto& witness) { return witness.state == state; });
  };
  for (const auto& witness : answer.witnesses) {
    const auto who =
        witness.name.empty() ? witness.cache : fmt::format("{} {} ({})", witness.cache, witness.name, witness.key);
    context.print(fmt::format("{}: {}\n", escaped_utf8(who), verdict_of(witness)));
    print_steps(context, witness);
  }
  context.print(fmt::format("{}: {} made the same, {} something else\n", name, count("agrees"), count("disagrees")));
}

int run(const Context& context, const Arguments& arguments) {
  auto caches = configured_caches();
  if (caches.empty())
    throw NotFoundError("challenge: there is no cache to ask: `karapace cache add --help` tells how to have one");
  const auto built = find_built(context.open_store(store::Store::Access::update), arguments.environment);
  const exchange::ChallengeRequest request{context.store_root(), built.environment.id, std::move(caches)};
  const auto answer = exchange::parse_challenge_answer(ask_registry(context, "challenge", exchange::text(request)));
  const bool is_disputed = std::any_of(answer.witnesses.begin(), answer.witnesses.end(),
                                       [](const auto& witness) { return witness.state == "disagrees"; });
  if (context.json) {
    auto witnesses = nlohmann::json::array();
    for (const auto& witness : answer.witnesses) witnesses.push_back(witness_json(witness));
    context.print_json("karapace.challenge",
                       {{"environment", built.environment.id.hex()}, {"witnesses", std::move(witnesses)}});
  } else {
    print_for_people(context, built.name, answer);
  }
  return is_disputed ? 1 : 0;
}

}  // namespace

Command challenge_command() {
  return make_command<Arguments>(
      {.name = "challenge",
       .group = Group::sharing,
       .summary = "Ask all caches who made the same, and who something else",
       .description =
           "Of a built environment, each key that is trusted in a cache is asked what its owner made. Of whoever made\n"
           "something else the first steps are shown that differ, and the paths, where both layers are at hand.\n"
           "Ends with 1 when anybody made something else.",
       .examples = {{"karapace challenge", "the environment here"}},
       .error_status = 2},
      declare, run);
}

}  // namespace karapace::cli
