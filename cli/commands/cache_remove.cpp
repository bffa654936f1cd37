// SPDX-License-Identifier: Apache-2.0
// cache remove: a cache is asked no more. What it holds stays there.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/cache_report.hpp"
#include "cli/commands.hpp"
#include "generator/resolve/user_configuration.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string name;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("NAME", arguments.name, "as `karapace cache list` shows it", Options::Presence::required);
}

int run(const Context& context, const Arguments& arguments) {
  const auto file = exchange::cache_list_file(resolve::default_configuration_file());
  exchange::Cache removed;
  exchange::change_caches(file, [&](auto& caches) {
    const auto is_it = [&](const auto& cache) { return cache.name == arguments.name; };
    const auto found = std::find_if(caches.begin(), caches.end(), is_it);
    if (found == caches.end())
      throw NotFoundError(
          fmt::format("cache remove: there is no cache \"{}\": `karapace cache list` shows which there are",
                      escaped_utf8(arguments.name)));
    removed = *found;
    caches.erase(found);
  });
  if (context.json)
    context.print_json("karapace.cache", cache_json(removed));
  else
    context.print(fmt::format("removed the cache {}\n", removed.name));
  return 0;
}

}  // namespace

Command cache_remove_command() {
  return make_command<Arguments>(
      {.name = "cache remove",
       .group = Group::sharing,
       .summary = "Ask a cache no more",
       .description = "Forgets the cache. What it holds stays there, and what was taken from it here.",
       .examples = {{"karapace cache remove team", "and build by oneself"}}},
      declare, run);
}

}  // namespace karapace::cli
