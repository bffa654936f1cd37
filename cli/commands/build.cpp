// SPDX-License-Identifier: Apache-2.0
// build: gen in the project's own build directory, then ninja.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/built_manifests.hpp"
#include "cli/commands.hpp"
#include "cli/generated_report.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  GenerateArguments generate;
  BuildingArguments building;
};

void declare(Options& options, Arguments& arguments) {
  declare_generate(options, arguments.generate);
  declare_building(options, arguments.building);
}

void report(const Context& context, const BuiltManifests& built) {
  if (context.json) return context.print_json("karapace.build", generated_json(built.generated, built.directory));
  for (const auto& environment : built.generated.environments) {
    context.print(fmt::format("{} {}\n", context.styled(Style::bold, environment.name), environment.id.short_hex()));
  }
}

int run(const Context& context, const Arguments& arguments) {
  const auto built = build_manifests(context, arguments.generate, arguments.building);
  if (built.status == 0) report(context, built);
  return built.status;
}

}  // namespace

Command build_command() {
  return make_command<Arguments>(
      {.name = "build",
       .group = Group::making,
       .summary = "Build environments: gen and ninja in one",
       .description = "Writes the graph into .karapace/build beside the manifest, runs ninja there and prints\n"
                      "the environment's name and id. NINJA in the environment chooses another ninja.\n\n"
                      "On a terminal it shows how far it is: steps, bytes, packages, the time that is probably\n"
                      "left, and the step that the end waits for longest. Elsewhere, with -v, and with another\n"
                      "ninja than Ninja, each step is a line.",
       .examples = {{"karapace build", "build the environment of ./karapace.toml"},
                    {"karapace build --locked -j4", "exactly what is locked, four steps at once"},
                    {"karapace build ci.toml --name ci", "another manifest, under a name"}}},
      declare, run);
}

}  // namespace karapace::cli
