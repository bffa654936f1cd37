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
  auto held = own_or_refuse(store, wanted, "unarchive");
  if (!held.instance.archived)
    throw Error(fmt::format("unarchive: the instance {} is not archived", escaped_utf8(wanted.name)));
  held.instance.archived = false;
  store::write_instance(held.instance);
  report_instance(context, held.instance, fmt::format("{} is back", escaped_utf8(wanted.name)));
  return 0;
}

}  // namespace

Command unarchive_command() {
  return make_command<Arguments>({.name = "unarchive",
                                  .group = Group::using_,
                                  .summary = "Bring an archived instance back",
                                  .description = "Sessions may begin in it again; one that was frozen is frozen still.",
                                  .examples = {{"karapace unarchive hello", "as it was put away"}}},
                                 declare, run);
}

}  // namespace karapace::cli
