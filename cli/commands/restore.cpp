// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"
#include "cli/instance_trees.hpp"
#include "cli/store_access.hpp"
#include "store/environment.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string snapshot;
  bool here = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.positional("SNAPSHOT", arguments.snapshot, "its id or the beginning of it", Options::Presence::required);
  options.flag("--here", arguments.here, "above the environment that the instance has now");
}

/// The one that the snapshot is a difference to, if it is still there.
EnvironmentId environment_for(const Context& context, const store::Store& store, const store::Instance& instance,
                              const store::Snapshot& snapshot, bool here) {
  if (here) return instance.current.environment;
  if (store::find_environment(store, snapshot.environment)) return snapshot.environment;
  const auto& current = instance.current.environment;
  context.warn(
      fmt::format("the environment {} of the snapshot is not in the store any more; its changes are now above {}",
                  snapshot.environment.short_hex(), current.short_hex()));
  return current;
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto wanted = wanted_instance(store, arguments.environment);
  const auto name = escaped_utf8(wanted.name);
  const auto held = own_or_refuse(store, wanted, "restore");
  const auto& instance = held.instance;
  refuse_kept(instance, wanted.name, "restore");
  const auto snapshot = store::find_snapshot(instance, arguments.snapshot);
  const store::SnapshotOptions options{.owners = held.owners(), .threads = available_threads()};
  tell_kept(context, store::keep_previous(store, instance, options));
  const auto environment = environment_for(context, store, instance, snapshot, arguments.here);
  store::restore_snapshot(store, instance, snapshot, environment, options);
  report_instance(context, store::find_instance(store, instance.id).value(),
                  fmt::format("{} is as in the snapshot {}; `karapace undo {}` brings back what it was before", name,
                              snapshot.id.short_hex(), name));
  return 0;
}

}  // namespace

Command restore_command() {
  return make_command<Arguments>(
      {.name = "restore",
       .group = Group::using_,
       .summary = "Make an instance what it was in a snapshot",
       .description =
           "Replaces the changes of the instance by those of the snapshot, above the environment that they were\n"
           "made in, or with --here above the one that the instance has now. The snapshot is verified on the way; one "
           "that is damaged changes nothing. What the instance\n"
           "was before can be brought back by `karapace undo`. Refused while a session is running.",
       .examples = {{"karapace restore hello 3f9c", "the snapshot whose id begins so"},
                    {"karapace undo hello", "as it was before"}}},
      declare, run);
}

}  // namespace karapace::cli
