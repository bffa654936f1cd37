// SPDX-License-Identifier: Apache-2.0
// gen: manifests → locks → build.ninja.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/check_report.hpp"
#include "cli/commands.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/generated_report.hpp"
#include "generator/graph/quoting.hpp"
#include "generator/project/graph_check.hpp"
#include "generator/project/ninja.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  GenerateArguments generate;
  std::string directory = ".";
  bool check = false;
  bool cmake = false;
  bool regenerate = false;
};

void declare(Options& options, Arguments& arguments) {
  declare_generate(options, arguments.generate);
  options.value("-C,--directory", "DIR", arguments.directory, "where build.ninja goes (default: .)");
  options.flag("--check", arguments.check, "write nothing; fail when locks or graph are not what gen would write");
  options.flag("--cmake", arguments.cmake, "write steps.cmake for karapace_environment() instead of build.ninja");
  options.flag("--regenerate", arguments.regenerate, "called by ninja, because a manifest or lock changed");
}

int check(const Context& context, const project::GenerateRequest& request) {
  auto check = project::check_graph(request);
  if (context.json) {
    context.print_json("karapace.gen-check", check_json(check));
  } else {
    context.print(check_text(context, check));
  }
  return check.fits() ? 0 : 1;
}

/// Ninja runs where the graph is. In a copy of that directory, or when it was moved, gen would write the graph of the
/// original over and over, as ninja finds that of the copy as old as before.
void refuse_copy(const project::GenerateRequest& request) {
  std::error_code error;
  const auto made_for = request.working_directory / request.directory;
  if (std::filesystem::equivalent(request.working_directory, made_for, error)) return;
  std::string words;
  for (const auto& manifest : request.manifests) {
    const auto own = request.working_directory / manifest.filename();
    const auto& meant = std::filesystem::exists(own, error) ? own.filename() : manifest;
    words += ' ' + graph::shell_quoted(meant.native());
  }
  if (request.name) words += " --name " + *request.name;
  throw Error(fmt::format(
      "gen: this graph was made for \"{}\" and ninja runs in \"{}\", where it was copied or moved to: run "
      "`karapace gen{}` there, and ninja again",
      escaped_utf8(made_for.native()), escaped_utf8(request.working_directory.native()), escaped_utf8(words)));
}

int run(const Context& context, const Arguments& arguments) {
  auto request = generate_request(context, arguments.generate);
  request.directory = arguments.directory;
  if (arguments.check) {
    if (arguments.generate.upgrade) throw UsageError("gen: --upgrade changes locks, which --check forbids");
    if (arguments.generate.allow_rollback)
      throw UsageError("gen: --allow-rollback changes locks, which --check forbids");
    if (arguments.cmake) throw UsageError("gen: --check compares build.ninja, which --cmake does not write");
    return check(context, request);
  }
  if (arguments.cmake) request.form = project::GraphForm::cmake;
  if (arguments.regenerate) refuse_copy(request);
  auto generated = project::generate(request);
  if (!arguments.regenerate && !arguments.cmake)
    project::note_regenerated(generated, request.working_directory / request.directory);
  report_notes(context, generated);
  if (context.json) {
    context.print_json("karapace.gen", generated_json(generated, request.working_directory / request.directory));
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
       .description =
           "Locks each manifest when its lock is missing or does not fit it, changing no more than\n"
           "the manifest did, and writes build.ninja. Then `ninja` builds what is missing. When a\n"
           "manifest or lock changes later, plain `ninja` writes the graph again by itself.\n"
           "\n"
           "With --check nothing is written, and nobody is asked: the exit status is 1 when a lock does not\n"
           "fit its manifest or build.ninja is not what the locks give, and the causes are named. With\n"
           "--frozen only build.ninja is compared with the locks.",
       .examples = {{"karapace gen && ninja", "build the environment of ./karapace.toml"},
                    {"karapace gen app tools/ci.toml -C build", "several environments in one graph"},
                    {"karapace gen --locked", "in CI: fail when somebody forgot to lock"},
                    {"karapace gen --check", "in CI: fail when the committed graph or lock is out of date"},
                    {"karapace gen . --upgrade git", "move git to its newest version"}}},
      declare, run);
}

}  // namespace karapace::cli
