// SPDX-License-Identifier: Apache-2.0
// cache prune: what is old, too much, or what no lock needs goes out of a cache.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/registry_client.hpp"
#include "cli/store_access.hpp"
#include "cli/table.hpp"
#include "exchange/request.hpp"
#include "generator/lock/lock_file.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string cache;
  std::optional<std::uint64_t> days;
  std::optional<std::string> size;
  std::vector<std::string> locks;
  bool only_locks = false;
  bool dry_run = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("CACHE", arguments.cache, "its name, or a place", Options::Presence::required);
  options.value("--older-than", "DAYS", arguments.days, "what was pushed longer ago than that goes");
  options.value("--max-size", "SIZE", arguments.size, "the oldest go until no more is left: 500M, 20G");
  options.value("--keep", "LOCK", arguments.locks,
                "a karapace.lock whose environment stays, whatever else is said; may be repeated");
  options.flag("--only", arguments.only_locks, "all but the environments of these locks go");
  options.flag("-n,--dry-run", arguments.dry_run, "only say what would go");
}

/// "500M": powers of 1024.
std::uint64_t bytes_from(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  constexpr std::string_view units = "KMGT";
  const auto place = unit.size() == 1 ? units.find(unit.front()) : units.npos;
  if (error == std::errc{} && unit.empty()) return number;
  const auto shift = 10 * (place + 1);
  if (error != std::errc{} || place == units.npos || number > (UINT64_MAX >> shift))
    throw UsageError(fmt::format("cache prune: --max-size: \"{}\" is no size, as 500M or 20G is", escaped_utf8(text)));
  return number << shift;
}

EnvironmentId environment_of(const std::string& file) {
  if (const auto lock = lock::read_lock_if_exists(file)) return EnvironmentId(blake3(lock::serialise(*lock)));
  throw NotFoundError(fmt::format("cache prune: there is no lock {}", escaped_utf8(file)));
}

exchange::PruneRequest request_from(const Arguments& arguments) {
  exchange::PruneRequest request{.location = place_of_cache(arguments.cache),
                                 .keep = {},
                                 .only_kept = arguments.only_locks,
                                 .older_than = {},
                                 .most_bytes = {},
                                 .dry_run = arguments.dry_run};
  for (const auto& file : arguments.locks) request.keep.push_back(environment_of(file));
  if (arguments.days) request.older_than = std::min<std::uint64_t>(*arguments.days, 100'000) * 86400;
  if (arguments.size) request.most_bytes = bytes_from(*arguments.size);
  if (request.only_kept && request.keep.empty())
    throw UsageError("cache prune: --only without --keep would remove everything");
  if (!request.only_kept && !request.older_than && !request.most_bytes)
    throw UsageError("cache prune: say what may go: --older-than, --max-size, or --only with --keep");
  return request;
}

int run(const Context& context, const Arguments& arguments) {
  const auto request = request_from(arguments);
  const auto answer = exchange::parse_prune_answer(ask_registry(context, "prune", exchange::text(request)));
  if (context.json) {
    auto removed = nlohmann::json::array();
    for (const auto& one : answer.removed)
      removed.push_back({{"environment", one.environment.hex()}, {"reason", one.reason}, {"tag", one.tag}});
    context.print_json("karapace.cache-prune", {{"dry_run", arguments.dry_run},
                                                {"freed_bytes", answer.freed_bytes},
                                                {"kept_bytes", answer.kept_bytes},
                                                {"kept_count", answer.kept},
                                                {"removed", std::move(removed)}});
    return 0;
  }
  std::vector<TableRow> rows;
  for (const auto& one : answer.removed) rows.push_back({one.tag, one.reason});
  context.print(table_text(rows, {0, 0}, 2));
  context.print(fmt::format("{} {}, {}; {} left with {}\n", arguments.dry_run ? "would remove" : "removed",
                            counted(answer.removed.size(), "environment"), size_text(answer.freed_bytes), answer.kept,
                            size_text(answer.kept_bytes)));
  return 0;
}

}  // namespace

Command cache_prune_command() {
  return make_command<Arguments>(
      {.name = "cache prune",
       .group = Group::sharing,
       .summary = "Remove old environments from a cache",
       .description =
           "Of environments that were pushed to the cache; whatever else lies there is not touched. Others may push\n"
           "meanwhile. A registry frees the space of blobs by itself, and must allow manifests to be deleted.",
       .examples = {{"karapace cache prune team --older-than 90", "what was pushed more than 90 days ago"},
                    {"karapace cache prune team --only --keep karapace.lock --keep ci.lock", "all but these two"},
                    {"karapace cache prune /net/cache --max-size 20G -n", "what would have to go"}}},
      declare, run);
}

}  // namespace karapace::cli
