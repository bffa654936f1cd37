// SPDX-License-Identifier: Apache-2.0
// release prune: old versions go, because somebody says so.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::optional<std::uint64_t> keep;
  bool dry_run = false;
};

void declare(Options& options, Arguments& arguments) {
  options.value("--keep-last", "N", arguments.keep, "how many of those that were installed last stay");
  options.flag("-n,--dry-run", arguments.dry_run, "only say what would be removed");
  declare_destination(options, arguments.destination);
}

int run(const Context& context, const Arguments& arguments) {
  if (!arguments.keep) throw UsageError("release prune: say with --keep-last N how many versions stay");
  const auto destination = find_destination(arguments.destination);
  const auto pruned = release::prune(destination, *arguments.keep,
                                     arguments.dry_run ? release::PruneMode::dry_run : release::PruneMode::remove,
                                     release_notice(context));
  if (context.json) {
    auto entries = nlohmann::json::array();
    for (const auto& entry : pruned.entries) entries.push_back(escaped_utf8(entry));
    context.print_json("karapace.release-prune", {{"destination_directory", path_json(destination.root())},
                                                  {"dry_run", arguments.dry_run},
                                                  {"entries", std::move(entries)},
                                                  {"freed_bytes", pruned.bytes},
                                                  {"links", link_changes_json(pruned.links)},
                                                  {"versions", pruned.versions}});
    return 0;
  }
  if (pruned.versions.empty() && pruned.entries.empty()) {
    context.print("nothing to remove\n");
    return 0;
  }
  for (const auto& version : pruned.versions) context.print(fmt::format("{}\n", version));
  print_link_changes(context, pruned.links);
  context.print(fmt::format("{} {} and {}: {}\n", arguments.dry_run ? "would remove" : "removed",
                            counted(pruned.versions.size(), "version"), counted(pruned.entries.size(), "package"),
                            size_text(pruned.bytes)));
  return 0;
}

}  // namespace

Command release_prune_command() {
  return make_command<Arguments>(
      {.name = "release prune",
       .group = Group::releases,
       .summary = "Remove old versions",
       .description =
           "Removes all versions but those that were installed last and those that latest, stable, a link of\n"
           "the manifest or of `karapace release use` names; then the packages that no version is made of. Links\n"
           "are switched before, and none is left that leads nowhere. Nothing else ever removes anything from\n"
           "a destination, and it removes nothing when a version's directory, release.json or record is missing,\n"
           "or a package of one that stays. Build ids are not used again. Programs that run go on, as far as they\n"
           "have open what they need.",
       .examples = {{"karapace release prune --keep-last 5 --dry-run", "what would go"}}},
      declare, run);
}

}  // namespace karapace::cli
