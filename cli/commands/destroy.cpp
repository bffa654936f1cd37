// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/instance_command.hpp"
#include "cli/store_access.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "store/root_index.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
}

/// The one that was named; a project's, of whatever environment; or, for a bare id, those whose project is gone or that
/// had none.
std::vector<store::Instance> instances_of(const store::Store& store, const store::Reference& reference) {
  if (reference.instance) {
    auto instance = store::find_instance(store, *reference.instance);
    return instance ? std::vector{*std::move(instance)} : std::vector<store::Instance>();
  }
  std::vector<store::Instance> found;
  auto all = store::instances(store);
  for (const auto& damaged : all.damaged)
    if (damaged.id == store::instance_id(reference)) found.push_back(store::only_place_of(damaged));
  for (auto& instance : all.whole) {
    bool orphan = !instance.manifest || !store::find_root(store, *instance.manifest);
    bool same = reference.root ? instance.manifest == reference.root->manifest
                               : instance.current.environment == reference.environment && orphan;
    if (same) found.push_back(std::move(instance));
  }
  return found;
}

[[noreturn]] void refuse_running(const store::Instance& instance) {
  throw Error(fmt::format(
      "destroy: a session is running in the instance {0}; leave it first, or end it with `karapace stop {0}`",
      instance.id));
}

/// All or none, as far as no session starts in between.
void remove_instances(const store::Store& store, const std::vector<store::Instance>& instances) {
  for (const auto& instance : instances) {
    refuse_kept(instance, instance.id, "destroy");
    if (store::instance_in_use(instance)) refuse_running(instance);
  }
  for (const auto& instance : instances) {
    if (!store::remove_instance(store, instance)) refuse_running(instance);
  }
}

/// An environment that a project names can not be destroyed by its id, but for what is left of another project: say
/// how.
void refuse_named(const store::Store& store, const store::Reference& reference, std::size_t orphans) {
  if (reference.root || orphans > 0) return;
  for (const auto& root : store::RootIndex::read(store).all()) {
    if (root.environment != reference.environment) continue;
    throw UsageError(
        fmt::format("destroy: the environment {} belongs to the project \"{}\"; destroy it by this name or "
                    "by its path {}",
                    reference.environment.short_hex(), escaped_utf8(root.name), escaped_utf8(root.manifest.native())));
  }
}

/// One that is damaged goes by its id only: nothing else is known of it for sure.
std::optional<store::Instance> damaged_instance(const store::Store& store, const std::string& id) {
  for (const auto& damaged : store::instances(store).damaged)
    if (damaged.id == id) return store::only_place_of(damaged);
  return std::nullopt;
}

/// "." may be a project above; what a person changed there can not be made again, so it has to be said.
void refuse_project_above(const store::Reference& reference, std::string_view word) {
  if (word != "." || !reference.root) return;
  auto project = reference.root->manifest.parent_path();
  std::error_code error;
  if (std::filesystem::equivalent(project, std::filesystem::current_path(), error) || error) return;
  throw UsageError(fmt::format("destroy: \".\" is a directory of the project {}; name it by this path",
                               escaped_utf8(project.native())));
}

nlohmann::json json_of(const std::optional<store::Reference>& reference, const std::vector<store::Instance>& removed) {
  auto instances = nlohmann::json::array();
  for (const auto& instance : removed) {
    instances.push_back({{"instance", instance.id}, {"instance_directory", path_json(instance.directory)}});
  }
  const bool is_named = reference && reference->root;
  return {{"environment", reference ? nlohmann::json(reference->environment.hex()) : nlohmann::json()},
          {"name", is_named ? nlohmann::json(escaped_utf8(reference->root->name)) : nlohmann::json()},
          {"instances", std::move(instances)}};
}

void report_one(const Context& context, const std::optional<store::Reference>& reference,
                const std::vector<store::Instance>& removed) {
  if (context.json) return context.print_json("karapace.destroy", json_of(reference, removed));
  for (const auto& instance : removed)
    context.print(fmt::format("removed the instance {}\n", escaped_utf8(instance.id)));
}

int run(const Context& context, const Arguments& arguments) {
  auto store = context.open_store(store::Store::Access::update, store::Store::AfterPowerFailure::leave);
  if (auto damaged = damaged_instance(store, arguments.environment)) {
    enter_for_trees(store);
    remove_instances(store, {*damaged});
    report_one(context, std::nullopt, {*damaged});
    return 0;
  }
  auto reference = find_reference(store, arguments.environment);
  refuse_project_above(reference, arguments.environment);
  auto instances = instances_of(store, reference);
  refuse_named(store, reference, instances.size());
  enter_for_trees(store);
  remove_instances(store, instances);
  const bool is_whole = !reference.instance;
  if (is_whole && reference.root) store::remove_root(store, reference.root->manifest);

  if (context.json || !is_whole) {
    report_one(context, reference, instances);
    return 0;
  }
  auto name = reference.root
                  ? fmt::format("\"{}\" ({})", escaped_utf8(reference.root->name), reference.environment.short_hex())
                  : reference.environment.short_hex();
  context.print(
      fmt::format("removed {} and {}; `karapace gc` frees the space\n", name, counted(instances.size(), "instance")));
  return 0;
}

}  // namespace

Command destroy_command() {
  return make_command<Arguments>(
      {.name = "destroy",
       .group = Group::using_,
       .summary = "Forget an environment and remove its instances",
       .description =
           "Removes the instances of the project with everything that was changed in them and their snapshots, and\n"
           "the store's note that the project exists; of an instance's own name only that instance. Layers,\n"
           "downloads and the project's own files stay; `karapace gc` removes the layers that nothing else needs.\n"
           "Refused while a session is running.",
       .examples = {{"karapace destroy .", "the environment of the manifest here"},
                    {"karapace destroy hello && karapace gc", "and free the space"}}},
      declare, run);
}

}  // namespace karapace::cli
