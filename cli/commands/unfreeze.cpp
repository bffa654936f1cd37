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
  auto held = own_or_refuse(store, wanted, "unfreeze");
  if (!held.instance.frozen)
    throw Error(fmt::format("unfreeze: the instance {} is not frozen", escaped_utf8(wanted.name)));
  held.instance.frozen = false;
  store::write_instance(held.instance);
  report_instance(context, held.instance, fmt::format("{} can be changed again", escaped_utf8(wanted.name)));
  return 0;
}

}  // namespace

Command unfreeze_command() {
  return make_command<Arguments>(
      {.name = "unfreeze",
       .group = Group::using_,
       .summary = "Let a frozen instance be changed again",
       .description = "Sessions that begin from now on may change the instance. Refused while a session is running.",
       .examples = {{"karapace unfreeze hello", "as before"}}},
      declare, run);
}

}  // namespace karapace::cli
