// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/instance_command.hpp"

namespace karapace::cli {

namespace {

std::string archive(AloneInstance& alone) {
  alone.instance.archived = true;
  store::write_instance(alone.instance);
  return fmt::format("archived {}", alone.name);
}

}  // namespace

Command archive_command() {
  return instance_command(
      {.name = "archive",
       .group = Group::using_,
       .summary = "Put an instance away",
       .description =
           "No session begins in it and nothing changes it until `karapace unarchive`. Its changes, snapshots and\n"
           "environment are kept. Refused while a session is running.",
       .examples = {{"karapace archive hello", "kept, and out of the way"}}},
      archive);
}

}  // namespace karapace::cli
