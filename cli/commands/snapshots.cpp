// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"
#include "cli/instance_trees.hpp"
#include "cli/store_access.hpp"
#include "cli/table.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::string removed;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("--remove", "SNAPSHOT", arguments.removed, "remove this one for good: its id or the beginning of it");
}

std::string time_text(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

int remove(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update, store::Store::AfterPowerFailure::leave);
  const auto wanted = wanted_instance(store, arguments.environment);
  const auto name = escaped_utf8(wanted.name);
  refuse_kept(wanted.instance, wanted.name, "snapshots");
  const auto held = store::use_instance(wanted.instance);
  if (!held) throw NotFoundError(fmt::format("snapshots: the instance {} was destroyed meanwhile", name));
  enter_for_trees(store);
  const auto removed = store::remove_snapshot(store, held->instance, arguments.removed);
  if (context.json) {
    context.print_json(
        "karapace.snapshot-removed",
        {{"freed_bytes", removed.bytes},
         {"instance", held->instance.id},
         {"message", removed.snapshot ? nlohmann::json(escaped_utf8(removed.snapshot->message)) : nlohmann::json()},
         {"snapshot", removed.id.hex()}});
    return 0;
  }
  const auto said = removed.snapshot ? printable_word(removed.snapshot->message) : "its record was damaged";
  context.print(fmt::format("removed the snapshot {} of {}{}: {} freed, and nothing brings it back\n",
                            removed.id.short_hex(), name, said.empty() ? "" : fmt::format(" ({})", said),
                            size_text(removed.bytes)));
  return 0;
}

int run(const Context& context, const Arguments& arguments) {
  if (!arguments.removed.empty()) return remove(context, arguments);
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto wanted = wanted_instance(store, arguments.environment);
  const auto all = store::snapshots(wanted.instance);
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const auto& snapshot : all) list.push_back(snapshot_json(snapshot));
    context.print_json("karapace.snapshots", {{"instance", wanted.instance.id}, {"snapshots", std::move(list)}});
    return 0;
  }
  if (all.empty())
    context.print(fmt::format("{0} has no snapshots; `karapace commit {0}` makes one\n", escaped_utf8(wanted.name)));
  std::vector<TableRow> rows;
  for (const auto& snapshot : all)
    rows.push_back({snapshot.id.short_hex(), time_text(snapshot.time), snapshot.environment.short_hex(),
                    printable_word(snapshot.message)});
  context.print(table_text(rows, {12, 19, 12, 0}, 2));
  return 0;
}

}  // namespace

Command snapshots_command() {
  return make_command<Arguments>(
      {.name = "snapshots",
       .group = Group::using_,
       .summary = "List the snapshots of an instance, or remove one",
       .description = "The oldest first: id, local time, the environment that it is a difference to, message.\n\n"
                      "With --remove one goes for good. The instance stays as it is, also where it was committed or\n"
                      "restored as that snapshot, and so do the other snapshots; `karapace gc` frees an environment\n"
                      "that only this one needed. Sessions may run; refused in what is frozen or archived.",
       .examples = {{"karapace snapshots .", "of the environment of the manifest here"},
                    {"karapace snapshots hello --remove 3f9c", "the one whose id begins so"}}},
      declare, run);
}

}  // namespace karapace::cli
