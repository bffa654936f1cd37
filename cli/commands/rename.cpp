// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/instance_report.hpp"
#include "store/instance_names.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string instance;
  std::string name;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.instance, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.positional("NAME", arguments.name, "what the instance is called from now on", Options::Presence::required);
}

/// While sessions run in it, too: a name is no part of what they use.
int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto wanted = wanted_instance(store, arguments.instance);
  auto held = store::use_instance(wanted.instance);
  if (!held) throw NotFoundError(fmt::format("rename: the instance {} is gone meanwhile", escaped_utf8(wanted.name)));
  store::name_instance(store, held->instance, arguments.name);
  report_instance(context, held->instance,
                  fmt::format("{} is called {} now", escaped_utf8(wanted.name), arguments.name));
  return 0;
}

}  // namespace

Command rename_command() {
  return make_command<Arguments>(
      {.name = "rename",
       .group = Group::using_,
       .summary = "Call an instance by another name",
       .description =
           "An instance that was never named is called as its project. A name is of up to 64 letters, digits,\n"
           "\"_\", \"-\" and \".\", and no other instance or project of the store may have it.",
       .examples = {{"karapace rename . work", "then: karapace enter work"}}},
      declare, run);
}

}  // namespace karapace::cli
