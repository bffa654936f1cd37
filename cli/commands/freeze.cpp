// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"

namespace karapace::cli {

namespace {

std::string freeze(AloneInstance& alone) {
  if (alone.instance.archived)
    throw Error(fmt::format("freeze: the instance {} is archived, and so kept as it is", alone.name));
  alone.instance.frozen = true;
  store::write_instance(alone.instance);
  return fmt::format("froze {}", alone.name);
}

}  // namespace

Command freeze_command() {
  return instance_command(
      {.name = "freeze",
       .group = Group::using_,
       .summary = "Keep an instance as it is",
       .description =
           "Sessions of a frozen instance see what was changed in it and can change nothing more; nor can\n"
           "`restore`, `rebuild` and `undo`. `karapace unfreeze` ends that. Refused while a session is running.",
       .examples = {{"karapace freeze hello", "from now on read-only"}}},
      freeze);
}

}  // namespace karapace::cli
