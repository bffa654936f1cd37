// SPDX-License-Identifier: Apache-2.0
// build: gen in the project's own build directory, then ninja.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/generated_report.hpp"
#include "generator/project/ninja.hpp"
#include "generator/project/project.hpp"
#include "store/repair.hpp"
#include "store/root.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  GenerateArguments generate;
  std::optional<std::uint64_t> jobs;
};

void declare(Options& options, Arguments& arguments) {
  declare_generate(options, arguments.generate);
  options.value("-j,--jobs", "N", arguments.jobs, "how many steps run at once (default: ninja's)");
}

/// .karapace/build beside the first manifest.
std::filesystem::path build_directory(const project::GenerateRequest& request) {
  auto first = (request.working_directory / request.manifests.front()).lexically_normal();
  if (!std::filesystem::is_directory(first)) first = first.parent_path();
  return first / ".karapace/build";
}

std::vector<std::string> ninja_arguments(const Context& context, const Arguments& arguments) {
  std::vector<std::string> words;
  if (arguments.jobs) words.insert(words.end(), {"-j", fmt::to_string(*arguments.jobs)});
  if (context.verbosity > 0) words.push_back("-v");
  return words;
}

/// Ninja knows records only: one whose output was lost must go, or nothing would make that again.
void forget_lost(const Context& context, const project::Generated& generated) {
  const auto store = context.open_store(store::Store::Access::update);
  std::size_t lost = 0;
  for (const auto& environment : generated.environments) {
    if (const auto root = store::find_root(store, environment.manifest))
      lost += store::forget_lost_outputs(store, root->steps).size();
  }
  if (lost > 0) context.tell(fmt::format("the store has lost what {} made: made again", counted(lost, "step")));
}

void report(const Context& context, const project::Generated& generated, const std::filesystem::path& directory) {
  if (context.json) return context.print_json("karapace.build", generated_json(generated, directory));
  for (const auto& environment : generated.environments) {
    context.print(fmt::format("{} {}\n", context.styled(Style::bold, environment.name), environment.id.short_hex()));
  }
}

int run(const Context& context, const Arguments& arguments) {
  auto request = generate_request(context, arguments.generate);
  request.directory = build_directory(request);
  auto generated = project::generate(request);
  project::note_regenerated(generated, request.directory);
  report_notes(context, generated);
  forget_lost(context, generated);
  auto output = context.json ? ChildOutput::to_stderr : ChildOutput::inherit;
  int status = project::run_ninja(ninja_arguments(context, arguments), request.directory, output);
  if (status > 128) return status;
  if (status != 0) {
    throw StepError(fmt::format(
        "ninja ended with status {} (see above); once that is mended, `karapace build` goes on where it stopped, and "
        "`ninja -C {}` too",
        status, request.directory.native()));
  }
  report(context, generated, request.directory);
  return 0;
}

}  // namespace

Command build_command() {
  return make_command<Arguments>(
      {.name = "build",
       .group = Group::making,
       .summary = "Build environments: gen and ninja in one",
       .description = "Writes the graph into .karapace/build beside the manifest, runs ninja there and prints\n"
                      "the environment's name and id. NINJA in the environment chooses another ninja.",
       .examples = {{"karapace build", "build the environment of ./karapace.toml"},
                    {"karapace build --locked -j4", "exactly what is locked, four steps at once"},
                    {"karapace build ci.toml --name ci", "another manifest, under a name"}}},
      declare, run);
}

}  // namespace karapace::cli
