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
  auto held = own_or_refuse(store, wanted, "freeze");
  if (held.instance.archived)
    throw Error(fmt::format("freeze: the instance {} is archived, and so kept as it is", escaped_utf8(wanted.name)));
  held.instance.frozen = true;
  store::write_instance(held.instance);
  report_instance(context, held.instance, fmt::format("froze {}", escaped_utf8(wanted.name)));
  return 0;
}

}  // namespace

Command freeze_command() {
  return make_command<Arguments>(
      {.name = "freeze",
       .group = Group::using_,
       .summary = "Keep an instance as it is",
       .description =
           "Sessions of a frozen instance see what was changed in it and can change nothing more; nor can\n"
           "`restore`, `rebuild` and `undo`. `karapace unfreeze` ends that. Refused while a session is running.",
       .examples = {{"karapace freeze hello", "from now on read-only"}}},
      declare, run);
}

}  // namespace karapace::cli
