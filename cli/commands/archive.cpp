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
  auto held = own_or_refuse(store, wanted, "archive");
  held.instance.archived = true;
  store::write_instance(held.instance);
  report_instance(context, held.instance, fmt::format("archived {}", escaped_utf8(wanted.name)));
  return 0;
}

}  // namespace

Command archive_command() {
  return make_command<Arguments>(
      {.name = "archive",
       .group = Group::using_,
       .summary = "Put an instance away",
       .description =
           "No session begins in it and nothing changes it until `karapace unarchive`. Its changes, snapshots and\n"
           "environment are kept. Refused while a session is running.",
       .examples = {{"karapace archive hello", "kept, and out of the way"}}},
      declare, run);
}

}  // namespace karapace::cli
