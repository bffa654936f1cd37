// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/instance_command.hpp"

namespace karapace::cli {

namespace {

std::string unarchive(AloneInstance& alone) {
  if (!alone.instance.archived) throw Error(fmt::format("unarchive: the instance {} is not archived", alone.name));
  alone.instance.archived = false;
  store::write_instance(alone.instance);
  return fmt::format("{} is back", alone.name);
}

}  // namespace

Command unarchive_command() {
  return instance_command({.name = "unarchive",
                           .group = Group::using_,
                           .summary = "Bring an archived instance back",
                           .description = "Sessions may begin in it again; one that was frozen is frozen still.",
                           .examples = {{"karapace unarchive hello", "as it was put away"}}},
                          unarchive);
}

}  // namespace karapace::cli
