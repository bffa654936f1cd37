// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/instance_trees.hpp"
#include "cli/table.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
}

std::string time_text(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

int run(const Context& context, const Arguments& arguments) {
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
       .summary = "List the snapshots of an instance",
       .description = "The oldest first: id, local time, the environment that it is a difference to, message.",
       .examples = {{"karapace snapshots .", "of the environment of the manifest here"}}},
      declare, run);
}

}  // namespace karapace::cli
