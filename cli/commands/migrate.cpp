// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "store/migration.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  bool back = false;
};

void declare(Options& options, Arguments& arguments) {
  options.flag("--back", arguments.back, "to version 1, for an older karapace");
}

int run(const Context& context, const Arguments& arguments) {
  const auto root = context.store_root();
  const auto migration = arguments.back ? store::migrate_store_back(root) : store::migrate_store(root);
  if (context.json) {
    auto instances = nlohmann::json::array();
    for (const auto& [before, after] : migration.instances) instances.push_back({{"after", after}, {"before", before}});
    context.print_json("karapace.migrate", {{"from", migration.from},
                                            {"instances", std::move(instances)},
                                            {"store_directory", path_json(root)},
                                            {"to", migration.to}});
  } else if (migration.from == migration.to && migration.instances.empty()) {
    context.print(fmt::format("the store is of version {} already\n", migration.to));
  } else {
    context.print(fmt::format("the store is of version {} now, with {}\n", migration.to,
                              counted(migration.instances.size(), "instance")));
  }
  return 0;
}

}  // namespace

Command migrate_command() {
  return make_command<Arguments>(
      {.name = "migrate",
       .group = Group::store,
       .summary = "Move a store of an older version over to this one",
       .description =
           "Version 1 had an instance for each project and environment, version 2 has one for each project, which\n"
           "moves from environment to environment. Nothing is copied and nothing gets lost: a project's newest\n"
           "instance becomes the project's, older ones stay with ids of their own (`karapace list`). Refused while\n"
           "the store is in use. A migration that was killed is ended by the next one.",
       .examples = {{"karapace migrate", "to the version of this karapace"},
                    {"karapace migrate --back", "as it was, as long as nothing of version 2 is in it"}}},
      declare, run);
}

}  // namespace karapace::cli
