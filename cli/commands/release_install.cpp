// SPDX-License-Identifier: Apache-2.0
// release install: what was built becomes a version of its destination.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/parallel.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/release_report.hpp"
#include "cli/store_access.hpp"
#include "release/install.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string manifest;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("MANIFEST", arguments.manifest, "a manifest, or a directory with a karapace.toml (default: .)");
}

/// Whoever chose what the usual link names may wonder that it stays.
void tell_of_stable(const Context& context, const release::Release& built, const release::Installed& installed) {
  const auto destination = release::Destination::open(built.declared.destination);
  const auto links = destination.links();
  const auto stable = links.find("stable");
  if (!installed.is_new || stable == links.end() || stable->second == installed.version) return;
  const auto chosen = destination.wishes().chosen;
  if (const auto choice = chosen.find("stable"); choice != chosen.end())
    context.tell(fmt::format("stable stays {}, as {} was chosen for it: `karapace release use stable {}` changes that",
                             stable->second, choice->second, installed.version));
  else
    context.tell(fmt::format("stable is {}", stable->second));
}

void report(const Context& context, const release::Release& built, const release::Installed& installed) {
  for (const auto& alias : installed.unfulfilled)
    context.warn(fmt::format("the link \"{}\" is wanted, but there is no such version in {}", alias,
                             built.declared.destination.native()));
  for (const auto& entry : installed.missing_entries)
    context.warn(
        fmt::format("the package {0} is missing, and this store has not built it; `karapace release why {0}` names the "
                    "versions that "
                    "it belongs to: build and install one of them again",
                    entry));
  if (context.json) {
    context.print_json("karapace.release-install", {{"aliases", installed.aliases},
                                                    {"copied_bytes", installed.copied_bytes},
                                                    {"copied_entry_count", installed.copied_entries},
                                                    {"destination_directory", path_json(built.declared.destination)},
                                                    {"is_new", installed.is_new},
                                                    {"missing_entries", installed.missing_entries},
                                                    {"missing_links", installed.unfulfilled},
                                                    {"release", built.document.name},
                                                    {"release_version", installed.version}});
    return;
  }
  const auto copied =
      fmt::format("{}, {}", counted(installed.copied_entries, "package"), size_text(installed.copied_bytes));
  const auto aliases = installed.aliases.empty() ? "" : fmt::format(" ({})", fmt::join(installed.aliases, ", "));
  if (installed.is_new)
    context.print(fmt::format("installed {} {}{}\n", built.document.name, installed.version, aliases));
  else
    context.print(fmt::format("{} {}{} is this build: {}\n", built.document.name, installed.version, aliases,
                              installed.copied_entries == 0 ? "nothing to install" : "copied " + copied));
  if (installed.is_new && installed.copied_entries != 0) context.note("copied " + copied);
  tell_of_stable(context, built, installed);
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::read_only);
  const auto built =
      release::find_built_release(store, named_manifest(arguments.manifest), machine_paths(context).cache);
  const release::InstallOptions options{.launcher = find_program("karapace-launcher"),
                                        .threads = available_threads(),
                                        .patience = {},
                                        .notice = release_notice(context)};
  release::Destination::create(built.document.destination);  // owners are judged where ids are what they are
  enter_for_trees(store);
  report(context, built, release::install(store, built, options));
  return 0;
}

}  // namespace

Command release_install_command() {
  return make_command<Arguments>(
      {.name = "release install",
       .group = Group::releases,
       .summary = "Install the release that was built",
       .description = "Copies the packages that the destination has not, and adds a version with the next build id:\n"
                      "1.4.2+1, 1.4.2+2. What is there is never changed, but for links: 1.4.2, 1.4, 1, latest, stable\n"
                      "and those of [release.links] are switched at the end, each in one step. A build that is\n"
                      "installed already is not installed again. What other versions lack is brought back, too,\n"
                      "where the store has it. Several may install at once; one that is interrupted leaves nothing\n"
                      "half, and goes on when it is run again.",
       .examples = {{"karapace release install", "the release of ./karapace.toml"}}},
      declare, run);
}

}  // namespace karapace::cli
