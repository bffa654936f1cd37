// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_command.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/instance_report.hpp"

namespace karapace::cli {

Command instance_command(CommandText text, std::string (*change)(AloneInstance& alone)) {
  auto word = std::make_shared<std::string>();
  auto run = [word, change, name = text.name](const Context& context) {
    const auto store = context.open_store(store::Store::Access::update);
    const auto wanted = wanted_instance(store, *word);
    const auto held = own_or_refuse(store, wanted, name);
    AloneInstance alone{store, held.instance, escaped_utf8(wanted.name), name};
    const auto sentence = change(alone);
    report_instance(context, store::find_instance(store, held.instance.id).value(), sentence);
    return 0;
  };
  Command command{std::move(text), {}, std::move(run)};
  command.options.positional("ENVIRONMENT", *word, "a name, an id or its beginning, or a path like \".\"",
                             Options::Presence::required);
  return command;
}

void refuse_kept(const store::Instance& instance, const std::string& name, const std::string& command) {
  if (!instance.archived && !instance.frozen) return;
  throw Error(fmt::format("{}: the instance {} is {}: `karapace {} {}` first", command, escaped_utf8(name),
                          instance.archived ? "archived" : "frozen", instance.archived ? "unarchive" : "unfreeze",
                          escaped_utf8(name)));
}

}  // namespace karapace::cli
