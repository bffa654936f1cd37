// SPDX-License-Identifier: Apache-2.0
#include "cli/built_manifests.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/generated_report.hpp"
#include "cli/instance_report.hpp"
#include "cli/registry_client.hpp"
#include "generator/project/ninja.hpp"
#include "runtime/sandbox/following.hpp"
#include "store/absent.hpp"
#include "store/environment.hpp"
#include "store/repair.hpp"
#include "store/root.hpp"

namespace karapace::cli {

namespace {

/// .karapace/build beside the first manifest.
std::filesystem::path build_directory(const project::GenerateRequest& request) {
  auto first = (request.working_directory / request.manifests.front()).lexically_normal();
  if (!std::filesystem::is_directory(first)) first = first.parent_path();
  return first / ".karapace/build";
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

/// What somebody else built already. True when anything was taken.
bool take_what_is_built(const Context& context, const project::Generated& generated) {
  const auto store = context.open_store(store::Store::Access::update);
  bool is_any = false;
  for (const auto& environment : generated.environments) {
    if (store::has_usable_record(store, environment.step)) continue;
    is_any = take_from_caches(context, environment.name, environment.id, environment.step) || is_any;
  }
  return is_any;
}

std::string fate(const store::Store& store, const store::Instance& instance, const EnvironmentId& environment) {
  const auto earlier = instance.current.environment.short_hex();
  if (instance.frozen) return fmt::format("stays in the environment {}, as it is frozen", earlier);
  if (!store::find_environment(store, instance.current.environment))
    return fmt::format(
        "stays in the environment {0}, which is not built any more: `karapace build {0}` makes that "
        "again, `karapace rebuild` moves the instance",
        earlier);
  std::vector<std::string> conflicts;
  try {
    conflicts = sandbox::conflicts_with(store, instance, environment);
  } catch (const Error& error) {
    return fmt::format("stays in the environment {}, as its changes can not be compared: {}", earlier, error.what());
  }
  if (conflicts.empty()) return "follows with its next session, and what was changed in it is kept";
  return fmt::format(
      "stays in the environment {}: {} of what was changed in it {} to what the new one has otherwise "
      "(\"/{}\"); `karapace rebuild --keep-changes` or `karapace rebuild` moves it",
      earlier, counted(conflicts.size(), "path"), conflicts.size() == 1 ? "is" : "are",
      escaped_utf8(conflicts.front()));
}

/// A damaged one is no reason for a build to fail.
std::optional<store::Instance> find_or_warn(const Context& context, const store::Store& store,
                                            const store::Reference& reference) {
  try {
    return store::find_instance(store, reference);
  } catch (const StoreError& error) {
    context.warn(error.what());
    return std::nullopt;
  }
}

/// A build touches no instance, and says what becomes of those that were made for an earlier environment.
void tell_of_instances(const Context& context, const project::Generated& generated) {
  const auto store = context.open_store(store::Store::Access::read_only);
  for (const auto& built : generated.environments) {
    const auto root = store::find_root(store, built.manifest, store::RootSteps::left_out);
    if (!root) continue;
    const auto instance = find_or_warn(context, store, {root->environment, root});
    if (!instance || instance->current.environment == root->environment) continue;
    context.tell(fmt::format("the instance {} {}", escaped_utf8(name_of(*instance, {root->environment, root})),
                             fate(store, *instance, root->environment)));
  }
}

/// The records of trees of releases, and of the environments that they were built in.
std::vector<std::string> targets_of_releases(const Context& context, const project::Generated& generated) {
  const auto store = context.open_store(store::Store::Access::update);
  std::vector<std::string> targets;
  for (const auto& environment : generated.environments) {
    if (!environment.release)
      throw ManifestError(fmt::format("{}: there is no [release] in it: say there what is built from which [[source]]",
                                      escaped_utf8(environment.manifest.native())));
    targets.push_back(store.step_path(environment.step));
    targets.push_back(store.step_path(environment.release->tree()));
  }
  return targets;
}

}  // namespace

void want_everything(const Context& context, const std::vector<StepKey>& steps) {
  store::forget_taken(context.open_store(store::Store::Access::update), steps);
}

BuiltManifests build_manifests(const Context& context, const GenerateArguments& generate,
                               const BuildingArguments& building, InstanceNotes notes, Wanted wanted) {
  auto request = generate_request(context, generate);
  request.directory = build_directory(request);
  BuiltManifests built{project::generate(request), request.directory};
  project::note_regenerated(built.generated, request.directory);
  report_notes(context, built.generated);
  forget_lost(context, built.generated);
  if (wanted == Wanted::everything) {
    const auto store = context.open_store(store::Store::Access::update);
    for (const auto& environment : built.generated.environments)
      if (const auto root = store::find_root(store, environment.manifest)) want_everything(context, root->steps);
    built.status = run_building(context, building, request.directory);
    return built;
  }
  // Of steps that environments share, others that were not taken may need what is not here now.
  if (take_what_is_built(context, built.generated) && built.generated.environments.size() > 1)
    project::generate(request);
  auto arguments = building;
  if (wanted == Wanted::release) {
    arguments.targets = targets_of_releases(context, built.generated);
    arguments.again = "karapace release build";
  }
  built.status = run_building(context, arguments, request.directory);
  if (built.status == 0 && notes == InstanceNotes::yes) tell_of_instances(context, built.generated);
  return built;
}

}  // namespace karapace::cli
