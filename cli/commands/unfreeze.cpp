// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"

namespace karapace::cli {

namespace {

std::string unfreeze(AloneInstance& alone) {
  if (!alone.instance.frozen) throw Error(fmt::format("unfreeze: the instance {} is not frozen", alone.name));
  alone.instance.frozen = false;
  store::write_instance(alone.instance);
  if (alone.instance.archived)
    return fmt::format("{} is frozen no more, and still archived: `karapace unarchive` brings it back", alone.name);
  return fmt::format("{} can be changed again", alone.name);
}

}  // namespace

Command unfreeze_command() {
  return instance_command(
      {.name = "unfreeze",
       .group = Group::using_,
       .summary = "Let a frozen instance be changed again",
       .description = "Sessions that begin from now on may change the instance. Refused while a session is running.",
       .examples = {{"karapace unfreeze hello", "as before"}}},
      unfreeze);
}

}  // namespace karapace::cli
