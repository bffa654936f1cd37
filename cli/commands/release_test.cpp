// SPDX-License-Identifier: Apache-2.0
// release test: the manifest's commands, run with what is installed.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/release_session.hpp"
#include "release/install.hpp"
#include "store/environment.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string manifest;
  std::string version;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("MANIFEST", arguments.manifest, "a manifest, or a directory with a karapace.toml (default: .)");
  options.value("-r,--release-version", "VERSION", arguments.version,
                "a version that is installed, or what a link names (default: what the manifest describes)");
}

struct Tested {
  std::string command;
  int status = 0;  // 125: it could not be run
};

/// As checks of builds are run.
std::vector<std::string> script_words(const store::Store& store, const EnvironmentId& id, const std::string& script) {
  std::vector<std::filesystem::path> trees;
  if (const auto environment = store::find_environment(store, id))
    for (const auto& layer : environment->layers) trees.push_back(store.layer_tree(layer));
  const auto shell = image_shell(trees);
  if (shell == "/bin/sh") return {shell, "-euc", script};
  return {shell, "-euo", "pipefail", "-c", script};
}

/// Each in a process of its own, for each has an environment of its own. What they say goes to standard error.
Tested tested(const store::Store& store, const Arguments& arguments, const ReleaseView& view,
              const std::string& command) {
  std::vector<std::string> argv{
      find_program("karapace"),           "--store",           store.root(), "release", "exec", "--manifest",
      named_manifest(arguments.manifest), "--release-version", view.version, "--"};
  const auto words = script_words(store, view.document.environment, command);
  argv.insert(argv.end(), words.begin(), words.end());
  return {command, run_child({.argv = std::move(argv), .output = ChildOutput::to_stderr})};
}

void report(const Context& context, const ReleaseView& view, const std::vector<Tested>& tests) {
  const auto failed = static_cast<std::size_t>(
      std::count_if(tests.begin(), tests.end(), [](const Tested& test) { return test.status != 0; }));
  if (context.json) {
    auto all = nlohmann::json::array();
    for (const auto& test : tests)
      all.push_back({{"command", escaped_utf8(test.command)}, {"exit_status", test.status}});
    context.print_json("karapace.release-test",
                       {{"destination_directory", path_json(std::filesystem::path(view.document.destination))},
                        {"environment", view.document.environment.hex()},
                        {"failed_count", failed},
                        {"release", view.document.name},
                        {"release_version", view.version},
                        {"tests", std::move(all)}});
    return;
  }
  for (const auto& test : tests)
    context.print(test.status == 0 ? fmt::format("passed: {}\n", escaped_utf8(test.command))
                                   : fmt::format("failed with {}: {}\n", test.status, escaped_utf8(test.command)));
  context.print(fmt::format("{} {}: {} of {} passed\n", view.document.name, view.version, tests.size() - failed,
                            counted(tests.size(), "test")));
}

/// Whatever links lead to: the manifest's tests are those of what it describes.
std::string version_of_manifest(const Context& context, const store::Store& store,
                                const std::filesystem::path& manifest) {
  const auto built = release::find_built_release(store, manifest, machine_paths(context).cache);
  const auto& document = built.document;
  const auto destination = release::Destination::open(document.destination);
  if (auto version = release::version_of_build(destination, document)) return *std::move(version);
  throw NotFoundError(
      fmt::format("release: this build of {} {} is not installed; run `karapace release install`, or name with "
                  "--release-version what shall be tested",
                  document.name, document.version));
}

int run(const Context& context, const Arguments& arguments) {
  const auto manifest = named_manifest(arguments.manifest);
  const auto commands = release::declared_release(manifest).tests;
  if (commands.empty())
    throw ManifestError(
        fmt::format("{}: there is nothing to test: say with [release.test] run = [\"PROGRAM "
                    "--version\"] which commands show that the release works",
                    escaped_utf8(manifest.native())));
  const auto store = context.open_store(store::Store::Access::read_only);
  const DestinationArguments of_manifest{.manifest = manifest, .destination = {}};
  const auto version = arguments.version.empty() ? version_of_manifest(context, store, manifest) : arguments.version;
  const auto view = installed_release_view(context, store, of_manifest, version);
  std::vector<Tested> tests;
  for (const auto& command : commands) tests.push_back(tested(store, arguments, view, command));
  report(context, view, tests);
  return std::all_of(tests.begin(), tests.end(), [](const Tested& test) { return test.status == 0; }) ? 0 : 1;
}

}  // namespace

Command release_test_command() {
  return make_command<Arguments>(
      {.name = "release test",
       .group = Group::releases,
       .summary = "Run the manifest's tests with what is installed",
       .description =
           "Runs the commands of [release.test], each in the environment that the installed version was built\n"
           "in, with its programs the first in PATH and nothing that can be written to at the destination: as\n"
           "`karapace release exec --installed` does. What they say goes to standard error. The exit status is 1\n"
           "when one fails; all are run.\n\n"
           "Without --release-version the version is tested that is what the manifest describes now, also where\n"
           "stable is another one; it must be installed.",
       .examples = {{"karapace release test", "what `karapace release install` installed"},
                    {"karapace release test -r stable", "what users call"},
                    {"karapace release test -r 1.4.2+1 --json", "this version, for programs"}}},
      declare, run);
}

}  // namespace karapace::cli
