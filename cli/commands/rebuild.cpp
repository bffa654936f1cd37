// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/built_manifests.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"
#include "cli/instance_report.hpp"
#include "cli/store_access.hpp"
#include "store/conflicts.hpp"
#include "store/environment.hpp"
#include "store/tree_copy.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string environment;
  BuildingArguments building;
  bool locked = false;
  bool keep_changes = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.flag("--keep-changes", arguments.keep_changes,
               "what was changed in the instance stays, also where it conflicts");
  options.flag("--locked", arguments.locked, "fail when the lock does not fit the manifest");
  declare_building(options, arguments.building);
}

store::Environment require_built(const store::Store& store, const EnvironmentId& id) {
  if (auto environment = store::find_environment(store, id)) return *std::move(environment);
  throw NotFoundError(
      fmt::format("rebuild: what was changed belongs above the environment {0}, which is not built any more: "
                  "`karapace build {0}` makes it again; without --keep-changes the instance begins afresh, and "
                  "`karapace undo` brings this state back",
                  id.short_hex()));
}

void copy_file_if_there(const fs::path& from, const fs::path& to) {
  if (fs::exists(from)) fs::copy_file(from, to);
}

/// The new state of the instance, with a copy of its changes: the old one is kept as it is, for `undo`.
class NewState {
 public:
  NewState(const store::Store& store, const store::Instance& instance, const EnvironmentId& environment)
      : store_(store), instance_(instance), staging_(store.stage()), made_(staging_.path() / "generation") {
    store::make_generation(made_, store::next_number(instance.directory), environment, Durable::no);
  }

  /// The paths in conflict.
  std::vector<std::string> keep_changes(const store::Environment& to, store::Owners owners) const {
    const auto from = require_built(store_, instance_.current.environment);
    store::ChangesOptions options;
    options.owners = owners;
    options.label = "rebuild";
    options.scaffold = store::read_scaffold(instance_.current);
    auto conflicts = store::find_conflicts(store_, instance_.current, from, to, options);
    store::TreeCopyOptions copy;
    copy.scan = {.owners = owners,
                 .label = "rebuild",
                 .threads = available_threads(),
                 .times = store::Times::nanoseconds,
                 .records = store::Records::of_sessions};
    store::copy_tree(open_at(AT_FDCWD, instance_.upper(), O_RDONLY | O_DIRECTORY).get(),
                     open_at(AT_FDCWD, made_ / "upper", O_RDONLY | O_DIRECTORY).get(), copy);
    for (const auto* file : {"first-entry", "scaffold.json"})
      copy_file_if_there(instance_.current.directory / file, made_ / file);
    return conflicts;
  }

  void take_place() const { store::replace_generation(store_, instance_.directory, made_); }

 private:
  const store::Store& store_;
  const store::Instance& instance_;
  store::Staging staging_;
  fs::path made_;
};

struct Moved {
  store::Instance instance;
  std::string name;
  std::vector<std::string> conflicts;
  bool is_moved = false;
};

Moved move_instance(const Context& context, const store::Store& store, const Arguments& arguments,
                    const EnvironmentId& environment) {
  const auto wanted = wanted_instance(store, arguments.environment);
  const auto held = own_or_refuse(store, wanted, "rebuild");
  Moved moved{held.instance, wanted.name, {}, false};
  refuse_kept(held.instance, wanted.name, "rebuild");
  const bool is_fresh = fs::is_empty(held.instance.upper());
  if (held.instance.current.environment == environment && (arguments.keep_changes || is_fresh)) return moved;
  const auto to = store::find_environment(store, environment);
  if (!to) throw StoreError("rebuild: the environment was collected as soon as it was built; run it again");
  const NewState state(store, held.instance, environment);
  if (arguments.keep_changes) moved.conflicts = state.keep_changes(*to, held.owners());
  tell_kept(context,
            store::keep_previous(store, held.instance, {.owners = held.owners(), .threads = available_threads()}));
  state.take_place();
  moved.instance = store::find_instance(store, held.instance.id).value();
  moved.is_moved = true;
  return moved;
}

void report(const Context& context, const Moved& moved, const Arguments& arguments) {
  if (context.json) {
    auto json = instance_json(moved.instance);
    json["conflicts"] = nlohmann::json::array();
    for (const auto& path : moved.conflicts) json["conflicts"].push_back("/" + escaped_utf8(path));
    json["moved"] = moved.is_moved;
    return context.print_json("karapace.rebuild", std::move(json));
  }
  const auto name = escaped_utf8(moved.name);
  const auto environment = moved.instance.current.environment.short_hex();
  if (!moved.is_moved) return context.print(fmt::format("{} is in the environment {} already\n", name, environment));
  context.print(fmt::format("{} is in the environment {} now, {}; `karapace undo {}` goes back\n", name, environment,
                            arguments.keep_changes ? "with its changes" : "as that was built", name));
  if (moved.conflicts.empty()) return;
  context.print("changes that cover what the new environment has otherwise:\n");
  for (const auto& path : moved.conflicts) context.print(fmt::format("  /{}\n", escaped_utf8(path)));
}

/// Before anything is built; what changes meanwhile is found again afterwards.
void refuse_early(const Context& context, const store::Reference& reference) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto instance = store::find_instance(store, reference);
  if (!instance) return;
  refuse_kept(*instance, name_of(*instance, reference), "rebuild");
  if (store::instance_in_use(*instance))
    throw Error(
        fmt::format("rebuild: a session is running in the instance {0}; leave it first, or end it with `karapace "
                    "stop {0}`",
                    escaped_utf8(name_of(*instance, reference))));
}

int run(const Context& context, const Arguments& arguments) {
  auto reference = find_reference(context.open_store(store::Store::Access::update), arguments.environment);
  if (!reference.root)
    throw NotFoundError(
        fmt::format("rebuild: \"{}\" belongs to no project any more; `karapace gen` in its directory makes "
                    "it one again",
                    escaped_utf8(arguments.environment)));
  refuse_early(context, reference);
  GenerateArguments generate;
  generate.manifests = {reference.root->manifest.native()};
  generate.locked = arguments.locked;
  auto building = arguments.building;
  building.quiet = building.quiet || context.json;
  const auto built = build_manifests(context, generate, building, InstanceNotes::no);
  if (built.status != 0) return built.status;
  const auto store = context.open_store(store::Store::Access::update);
  const auto root = store::find_root(store, reference.root->manifest, store::RootSteps::left_out).value();
  if (!store::find_instance(store, {root.environment, root, reference.instance})) {
    context.print(fmt::format("{} is built; nobody has used it yet, so there is nothing to move\n", root.name));
    return 0;
  }
  report(context, move_instance(context, store, arguments, root.environment), arguments);
  return 0;
}

}  // namespace

Command rebuild_command() {
  return make_command<Arguments>(
      {.name = "rebuild",
       .group = Group::using_,
       .summary = "Build an environment anew and move its instance to it",
       .description =
           "Builds what the manifest says, and only when that is complete moves the instance to it: as it was\n"
           "built, or with what was changed in the instance. Name and snapshots stay, and `karapace undo` brings\n"
           "the state before back. A failed rebuild changes nothing. Refused while a session is running.",
       .examples = {{"karapace rebuild .", "begin afresh in what the manifest says now"},
                    {"karapace rebuild --keep-changes hello", "with everything that was changed in it"}}},
      declare, run);
}

}  // namespace karapace::cli
