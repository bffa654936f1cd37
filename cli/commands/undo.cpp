// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/instance_report.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string instance;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.instance, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto wanted = wanted_instance(store, arguments.instance);
  auto held = own_or_refuse(store, wanted, "undo");
  if (held.instance.archived)
    throw Error(
        fmt::format("undo: the instance {0} is archived; `karapace unarchive {0}` first", escaped_utf8(wanted.name)));
  if (held.instance.frozen)
    throw Error(
        fmt::format("undo: the instance {0} is frozen; `karapace unfreeze {0}` first", escaped_utf8(wanted.name)));
  if (!store::exchange_generations(held.instance.directory))
    throw NotFoundError(
        fmt::format("undo: nothing was restored or rebuilt in the instance {}", escaped_utf8(wanted.name)));
  const auto now = store::find_instance(store, held.instance.id).value();
  report_instance(context, now,
                  fmt::format("{} is as it was before, in the environment {}", escaped_utf8(wanted.name),
                              now.current.environment.short_hex()));
  return 0;
}

}  // namespace

Command undo_command() {
  return make_command<Arguments>(
      {.name = "undo",
       .group = Group::using_,
       .summary = "Bring back what an instance was before it was replaced",
       .description =
           "After `restore` and `rebuild` the state before, changes and environment, is kept. This exchanges the two;\n"
           "a second `karapace undo` exchanges them again. Refused while a session is running.",
       .examples = {{"karapace undo hello", "before the last restore or rebuild"}}},
      declare, run);
}

}  // namespace karapace::cli
