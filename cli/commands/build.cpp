// SPDX-License-Identifier: Apache-2.0
// build: gen in the project's own build directory, then ninja. Or, of an environment that no project has any more, from
// the lock that the store keeps.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "cli/built_manifests.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/generated_report.hpp"
#include "cli/registry_client.hpp"
#include "cli/store_access.hpp"
#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/repair.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  GenerateArguments generate;
  BuildingArguments building;
  bool complete = false;
};

void declare(Options& options, Arguments& arguments) {
  declare_generate(options, arguments.generate);
  declare_building(options, arguments.building);
  options.flag("--complete", arguments.complete,
               "of what was taken over from a cache or an image, make here all that led to it");
}

/// Of an instance that is in it: its files may still be in that project.
std::optional<std::filesystem::path> manifest_that_had(const store::Store& store, const EnvironmentId& id) {
  for (const auto& instance : store::instances(store).whole)
    if (instance.manifest && instance.current.environment == id) return instance.manifest;
  return std::nullopt;
}

void report(const Context& context, const BuiltManifests& built) {
  if (context.json) return context.print_json("karapace.build", generated_json(built.generated, built.directory));
  for (const auto& environment : built.generated.environments) {
    context.print(fmt::format("{} {}\n", context.styled(Style::bold, environment.name), environment.id.short_hex()));
  }
}

/// The environment of the store that the only word names, by an id or as the one that an instance is in. A word that is
/// a path, or may be meant as one, is a manifest.
std::optional<project::KeptEnvironment> named_environment(const Context& context, const Arguments& arguments) {
  if (arguments.generate.manifests.size() != 1) return std::nullopt;
  const auto& word = arguments.generate.manifests.front();
  std::error_code error;
  const bool is_path = word.find('/') != word.npos || word == "." || word == ".." || word.ends_with(".toml") ||
                       std::filesystem::exists(word, error);
  const auto store = is_path ? std::nullopt : store_if_exists(context);
  if (!store) return std::nullopt;
  // Of one that is in the store no more, not even an instance's, the lock may still be there.
  if (const auto id = EnvironmentId::from_hex(word); id && store->has_blob(BlobId(id->digest())))
    return project::KeptEnvironment{*id, manifest_that_had(*store, *id)};
  try {
    const auto reference = find_reference(*store, word);
    if (!reference.instance) {
      if (reference.root && !reference.environment.hex().starts_with(word)) return std::nullopt;  // a project's name
      return project::KeptEnvironment{reference.environment, manifest_that_had(*store, reference.environment)};
    }
    const auto instance = store::find_instance(*store, *reference.instance);
    if (instance) return project::KeptEnvironment{instance->current.environment, instance->manifest};
  } catch (const NotFoundError&) {
  }
  return std::nullopt;
}

void refuse_options(const GenerateArguments& arguments) {
  const bool has_some = !arguments.name.empty() || arguments.upgrade || arguments.allow_rollback;
  if (has_some)
    throw UsageError(
        "build: an environment of the store is built from the lock that the store keeps: --name, --upgrade and "
        "--allow-rollback are for manifests");
}

/// Ninja knows records only: one whose output was lost must go.
void forget_lost(const Context& context, const std::vector<StepKey>& steps) {
  store::forget_lost_outputs(context.open_store(store::Store::Access::update), steps);
}

int build_kept(const Context& context, const Arguments& arguments, const project::KeptEnvironment& environment) {
  refuse_options(arguments.generate);
  const auto kept = project::generate_kept(environment, machine_paths(context));
  forget_lost(context, kept.steps);
  if (arguments.complete)
    want_everything(context, kept.steps);
  else if (!store::has_usable_record(context.open_store(store::Store::Access::update), kept.steps.back()))
    take_from_caches(context, environment.id.short_hex(), environment.id, kept.steps.back());
  const int status = run_building(context, arguments.building, kept.directory);
  if (status != 0) return status;
  const auto& id = environment.id;
  if (!store::find_environment(context.open_store(store::Store::Access::read_only), id))
    throw StoreError(
        fmt::format("build: the environment {} was collected as soon as it was built; run it again, and "
                    "`karapace exec {}` uses it",
                    id.short_hex(), id.short_hex()));
  if (context.json)
    context.print_json(
        "karapace.build-environment",
        {{"build_directory", path_json(kept.directory)}, {"environment", id.hex()}, {"step_count", kept.steps.size()}});
  else
    context.print(fmt::format("{}\n", id.short_hex()));
  return 0;
}

int run(const Context& context, const Arguments& arguments) {
  if (const auto environment = named_environment(context, arguments))
    return build_kept(context, arguments, *environment);
  const auto built = build_manifests(context, arguments.generate, arguments.building, InstanceNotes::yes,
                                     arguments.complete ? Wanted::everything : Wanted::layers);
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
                      "ninja than Ninja, each step is a line.\n\n"
                      "In place of a manifest an environment may be named by its id, or an instance by its own name\n"
                      "or id: it is built from the lock that the store keeps of it, whatever its project says now.",
       .examples = {{"karapace build", "build the environment of ./karapace.toml"},
                    {"karapace build --locked -j4", "exactly what is locked, four steps at once"},
                    {"karapace build ci.toml --name ci", "another manifest, under a name"},
                    {"karapace build 3f9c21d0", "an environment that a repair took apart, from the store's lock"}}},
      declare, run);
}

}  // namespace karapace::cli
