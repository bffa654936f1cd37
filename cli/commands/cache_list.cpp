// SPDX-License-Identifier: Apache-2.0
// cache list: which caches are asked, in which order, and whose signatures count there.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/cache_report.hpp"
#include "cli/commands.hpp"
#include "cli/registry_client.hpp"
#include "cli/table.hpp"

namespace karapace::cli {

namespace {

struct Arguments {};

void declare(Options& /*options*/, Arguments& /*arguments*/) {}

std::string trust_text(const exchange::Cache& cache) {
  const auto trust = exchange_trust(cache);
  if (trust.keys.empty()) return "nobody: only packages, by their digests";
  std::vector<std::string> names;
  for (const auto& key : trust.keys) names.push_back(fmt::format("{} {}", key.name, key.key.id().hex()));
  const auto agree = cache.agree == 1 ? "" : fmt::format("{} of ", cache.agree);
  return fmt::format("{}{}", agree, fmt::join(names, ", "));
}

int run(const Context& context, const Arguments& /*arguments*/) {
  const auto caches = configured_caches();
  if (context.json) {
    auto all = nlohmann::json::array();
    for (const auto& cache : caches) all.push_back(cache_json(cache));
    context.print_json("karapace.cache-list", {{"caches", std::move(all)}});
    return 0;
  }
  if (caches.empty()) context.tell("there is no cache: `karapace cache add --help` tells how to have one");
  std::vector<TableRow> rows;
  if (!caches.empty()) rows.push_back({"NAME", "PLACE", "TRUSTED"});
  for (const auto& cache : caches)
    rows.push_back({cache.name, escaped_utf8(shown_address(cache.location)), trust_text(cache)});
  context.print(table_text(rows, {0, 0, 0}, 2));
  return 0;
}

}  // namespace

Command cache_list_command() {
  return make_command<Arguments>({.name = "cache list",
                                  .group = Group::sharing,
                                  .summary = "List the caches that are asked",
                                  .description = "In the order in which they are asked. Nobody is asked now.",
                                  .examples = {{"karapace cache list", "names, places, trusted keys"}}},
                                 declare, run);
}

}  // namespace karapace::cli
