// SPDX-License-Identifier: Apache-2.0
#include "store/gc.hpp"

#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/store_access.hpp"
#include "cli/table.hpp"
#include "store/garbage.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::vector<std::string> keep;
  bool dry_run = false;
};

void declare(Options& options, Arguments& arguments) {
  options.value("--keep", "ENVIRONMENT", arguments.keep, "keep this environment too; may be given several times");
  options.flag("-n,--dry-run", arguments.dry_run, "only say what would be removed");
}

/// In the unit that leaves one or two digits.
std::string age_text(std::int64_t seconds) {
  if (seconds < 100) return fmt::format("{} s", seconds);
  if (seconds < 100 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

nlohmann::json json_of(const store::GcReport& report, const Arguments& arguments) {
  auto garbage = nlohmann::json::array();
  for (const auto& item : report.garbage) {
    garbage.push_back({{"age_seconds", item.age},
                       {"kind", text(item.kind)},
                       {"name", escaped_utf8(item.name)},
                       {"reason", item.reason},
                       {"size_bytes", item.bytes}});
  }
  auto damaged = nlohmann::json::array();
  for (const auto& id : report.damaged_instances) damaged.push_back(escaped_utf8(id));
  auto roots = nlohmann::json::array();
  for (const auto& root : report.roots) {
    roots.push_back({{"environment", root.environment.hex()},
                     {"manifest", escaped_utf8(root.manifest.native())},
                     {"manifest_gone", root.manifest_gone},
                     {"name", root.name}});
  }
  return {{"damaged_instances", std::move(damaged)},
          {"dry_run", arguments.dry_run},
          {"freed_bytes", report.bytes},
          {"garbage", std::move(garbage)},
          {"kept_environment_count", report.kept_environments},
          {"kept_step_count", report.kept_steps},
          {"roots", std::move(roots)}};
}

void print_report(const Context& context, const store::GcReport& report, const Arguments& arguments) {
  std::map<store::GarbageKind, std::pair<std::size_t, std::uint64_t>> sums;
  std::vector<TableRow> items;
  for (const auto& item : report.garbage) {
    auto& [count, bytes] = sums[item.kind];
    ++count;
    bytes += item.bytes;
    items.push_back({std::string(text(item.kind)), escaped_utf8(item.name), size_text(item.bytes), age_text(item.age),
                     item.reason});
  }
  const bool listed = arguments.dry_run || context.verbosity > 0;
  if (listed) context.print(table_text(items, {12, 64, 8, 5}));
  std::vector<TableRow> totals;
  for (const auto& [kind, sum] : sums) {
    totals.push_back({std::string(text(kind)), std::to_string(sum.first), size_text(sum.second)});
  }
  context.print(table_text(totals, {12, 8}));
  context.print(fmt::format("{} {}; {} and {} stay\n", arguments.dry_run ? "would free" : "freed",
                            size_text(report.bytes), counted(report.kept_environments, "environment"),
                            counted(report.kept_steps, "step")));
  for (const auto& root : report.roots) {
    if (!root.manifest_gone) continue;
    context.print(fmt::format("{}: its manifest \"{}\" is gone; `karapace destroy {}` lets go what it keeps\n",
                              root.name, escaped_utf8(root.manifest.native()), escaped_utf8(root.manifest.native())));
  }
}

int run(const Context& context, const Arguments& arguments) {
  auto mode = arguments.dry_run ? store::Store::Access::read_only : store::Store::Access::update;
  // On a full disk nothing can be repaired before something is removed; a damaged record stops gc in any case.
  auto store = context.open_store(mode, store::Store::AfterPowerFailure::leave);
  store::GcOptions options;
  for (const auto& word : arguments.keep) options.keep.insert(find_reference(store, word).environment);
  options.dry_run = arguments.dry_run ? store::DryRun::yes : store::DryRun::no;
  options.threads = available_threads();
  enter_for_trees(store);
  auto report = store::collect_garbage(store, options);
  for (const auto& id : report.damaged_instances)
    context.warn(
        fmt::format("everything stays that the instance {0} may need, as its records are damaged: run "
                    "`karapace verify-store --repair`, or `karapace destroy {0}`",
                    escaped_utf8(id)));
  if (context.json) {
    context.print_json("karapace.gc", json_of(report, arguments));
  } else {
    print_report(context, report, arguments);
  }
  return 0;
}

}  // namespace

Command gc_command() {
  return make_command<Arguments>(
      {.name = "gc",
       .group = Group::store,
       .summary = "Remove what no environment needs",
       .description =
           "Removes steps, layers, downloads and environments that no project, instance, running session or\n"
           "running build needs, and what crashed processes left behind. The states of failed steps, which\n"
           "karapace debug shows, go when no project has the step any more, and after 7 days; what the edges\n"
           "of a graph read, when it has not been needed for 7 days. Builds and sessions may run\n"
           "meanwhile. What is removed by mistake comes back with ninja. It needs no space on the disk. --dry-run\n"
           "decides exactly as a run, and tells age and reason of each; karapace why ID tells why one stays.",
       .examples = {{"karapace gc --dry-run", "show what would be removed, and its size"},
                    {"karapace gc --keep 3f9c21d0", "keep an environment whose project is gone"}}},
      declare, run);
}

}  // namespace karapace::cli
