// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"

namespace karapace::cli {

namespace {

std::string undo(AloneInstance& alone) {
  refuse_kept(alone.instance, alone.name, alone.command);
  if (!store::exchange_generations(alone.instance.directory))
    throw NotFoundError(fmt::format("undo: nothing was restored or rebuilt in the instance {}", alone.name));
  const auto now = store::find_instance(alone.store, alone.instance.id).value();
  return fmt::format("{} is as it was before, in the environment {}", alone.name, now.current.environment.short_hex());
}

}  // namespace

Command undo_command() {
  return instance_command(
      {.name = "undo",
       .group = Group::using_,
       .summary = "Bring back what an instance was before it was replaced",
       .description =
           "After `restore` and `rebuild` the state before, changes and environment, is kept. This exchanges the two;\n"
           "a second `karapace undo` exchanges them again. Refused while a session is running.",
       .examples = {{"karapace undo hello", "before the last restore or rebuild"}}},
      undo);
}

}  // namespace karapace::cli
