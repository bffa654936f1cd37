// SPDX-License-Identifier: Apache-2.0
// gen: manifests → locks → build.ninja.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/generated_report.hpp"
#include "cli/ninja.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  GenerateArguments generate;
  std::string directory = ".";
  bool regenerate = false;
};

void declare(Options& options, Arguments& arguments) {
  declare_generate(options, arguments.generate);
  options.value("-C,--directory", "DIR", arguments.directory, "where build.ninja goes (default: .)");
  options.flag("--regenerate", arguments.regenerate, "called by ninja, because a manifest or lock changed");
}

int run(const Context& context, const Arguments& arguments) {
  auto request = generate_request(context, arguments.generate);
  request.directory = arguments.directory;
  auto generated = generator::generate(request);
  if (!arguments.regenerate) note_regenerated(generated, request.working_directory / request.directory);
  report_notes(context, generated);
  if (context.json) {
    context.print_json(generated_json(generated, request.working_directory / request.directory));
  } else {
    context.print(generated_summary(generated) + "\n");
  }
  return 0;
}

}  // namespace

Command gen_command() {
  return make_command<Arguments>(
      {.name = "gen",
       .group = Group::making,
       .summary = "Write the build graph of manifests",
       .description = "Locks each manifest when its lock is missing or does not fit it, changing no more than\n"
                      "the manifest did, and writes build.ninja. Then `ninja` builds what is missing. When a\n"
                      "manifest or lock changes later, plain `ninja` writes the graph again by itself.",
       .examples = {{"karapace gen && ninja", "build the environment of ./karapace.toml"},
                    {"karapace gen app tools/ci.toml -C build", "several environments in one graph"},
                    {"karapace gen --locked", "in CI: fail when somebody forgot to lock"},
                    {"karapace gen . --upgrade git", "move git to its newest version"}}},
      declare, run);
}

}  // namespace karapace::cli
