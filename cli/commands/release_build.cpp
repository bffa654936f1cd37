// SPDX-License-Identifier: Apache-2.0
// release build: gen, then ninja for the release's tree: sources, packages and what they are built in.
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/built_manifests.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/generated_report.hpp"
#include "store/release_document.hpp"

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

store::ReleaseDocument document_in(const store::Store& store, const LayerId& tree) {
  const auto path = store.layer_tree(tree) / store::release_document_file;
  return store::parse_release_document(read_file(path), path.string());
}

/// What was built elsewhere has no log here.
nlohmann::json log_json(const std::filesystem::path& path) {
  return open_if_exists(AT_FDCWD, path, O_PATH | O_NOFOLLOW) ? path_json(path) : nlohmann::json();
}

void report(const Context& context, const BuiltManifests& built) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto& environment = built.generated.environments.front();
  const auto tree = store.input_record(environment.release->tree()).layer().layer;
  const auto document = document_in(store, tree);
  if (!context.json)
    return context.print(
        fmt::format("{} {} {}\n", context.styled(Style::bold, document.name), document.version, tree.short_hex()));
  auto packages = nlohmann::json::array();
  for (const auto& package : document.packages)
    packages.push_back({{"name", package.name},
                        {"version", package.version},
                        {"entry", package.entry},
                        {"layer", package.layer.hex()},
                        {"log_file", log_json(store.log_path(environment.release->compiles.at(package.name)))}});
  context.print_json("karapace.release-build",
                     {{"build_directory", path_json(built.directory)},
                      {"destination_directory", path_json(std::filesystem::path(document.destination))},
                      {"entrypoints", document.entrypoints},
                      {"environment", document.environment.hex()},
                      {"layer", tree.hex()},
                      {"lock_state", text(environment.lock)},
                      {"manifest", path_json(environment.manifest)},
                      {"packages", std::move(packages)},
                      {"release", document.name},
                      {"release_version", document.version},
                      {"step", environment.release->tree().hex()}});
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.generate.manifests.size() > 1) throw UsageError("release build: a release has one manifest");
  // What is said of steps holds for the processes of each, too (runtime/steps/compile.cpp).
  if (arguments.building.jobs) ::setenv("MAKEFLAGS", fmt::format("-j{}", *arguments.building.jobs).c_str(), 1);
  const auto built =
      build_manifests(context, arguments.generate, arguments.building, InstanceNotes::yes, Wanted::release);
  if (built.status == 0) report(context, built);
  return built.status;
}

}  // namespace

Command release_build_command() {
  return make_command<Arguments>(
      {.name = "release build",
       .group = Group::releases,
       .summary = "Build a release from source",
       .description = "Builds the packages of the manifest's [[source]] tables in its environment, without network,\n"
                      "and the tree of links that [release] describes. What did not change is not built again;\n"
                      "packages that do not need each other are built side by side.\n\n"
                      "-j N also is what build scripts are given as $jobs. Without it, and without MAKEFLAGS=-jN,\n"
                      "that is the number of processors. The name, the version and the beginning of the tree's id\n"
                      "are printed. What a package's script said stands in the store's logs; `karapace debug STEP`\n"
                      "opens a shell where it failed.",
       .examples = {{"karapace release build", "the release of ./karapace.toml"},
                    {"karapace release build --upgrade", "look where branches and tags of git are now, too"},
                    {"karapace release build --locked --json",
                     "exactly what is locked; what came of it, for programs"}}},
      declare, run);
}

}  // namespace karapace::cli
