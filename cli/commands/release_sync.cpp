// SPDX-License-Identifier: Apache-2.0
// release sync: hosts get what the destination has.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"
#include "release/sync.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::vector<std::string> hosts;
  std::vector<std::string> versions;
  bool dry_run = false;
  bool take_over = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("HOST", arguments.hosts,
                     "names of [release.hosts] (default: all); with --destination what ssh takes");
  options.value("--only", "VERSION", arguments.versions, "only this version or link; may be given several times");
  options.flag("--take-over", arguments.take_over,
               "also move links that another destination brought there: this one has replaced it");
  options.flag("-n,--dry-run", arguments.dry_run, "only say what would be brought");
  declare_destination(options, arguments.destination);
}

int run(const Context& context, const Arguments& arguments) {
  release::SyncRequest request{named_hosts(arguments.destination, arguments.hosts),
                               {},
                               arguments.dry_run ? release::SyncMode::dry_run : release::SyncMode::copy};
  const auto destination = find_destination(arguments.destination);
  for (const auto& version : arguments.versions) request.versions.push_back(destination.resolve(version));
  if (arguments.take_over) request.choices = release::OthersChoices::are_taken_over;
  request.threads = available_threads();
  const auto reports = release::sync(destination, request, [&](const std::string& host, const std::string& what) {
    context.tell(fmt::format("{}: {}", host, what));
  });
  const auto failed =
      std::count_if(reports.begin(), reports.end(), [](const auto& host) { return !host.failure.empty(); });
  if (context.json)
    context.print_json("karapace.release-sync", {{"destination_directory", path_json(destination.root())},
                                                 {"dry_run", arguments.dry_run},
                                                 {"hosts", host_reports_json(reports)}});
  for (const auto& host : reports) {
    if (!context.json) context.print(host_report_text(host, request.mode));
    for (const auto& link : host.left_out)
      context.warn(fmt::format("{}: {} is left out, as its version is not there", host.name, link));
    for (const auto& link : host.kept) {
      const bool is_of_another = std::ranges::count(host.kept_of_others, link) != 0;
      context.warn(fmt::format("{}: {} stays what {}", host.name, link,
                               is_of_another
                                   ? "another destination brought there: --take-over when this one has replaced it"
                                   : "was chosen there"));
    }
    for (const auto& version : host.reused)
      context.warn(fmt::format("{}: {} was used there before, perhaps for another build", host.name, version));
    if (!host.failure.empty()) context.warn(host.failure);
  }
  if (failed != 0 && !context.json)
    context.print(fmt::format("{} of {} failed; run it again, what was brought is not brought twice\n", failed,
                              counted(reports.size(), "host")));
  return failed == 0 ? 0 : 1;
}

}  // namespace

Command release_sync_command() {
  return make_command<Arguments>(
      {.name = "release sync",
       .group = Group::releases,
       .summary = "Bring what is installed to other hosts",
       .description =
           "Brings versions, with their build ids, to the same directory of each host of [release.hosts], by\n"
           "rsync over ssh as you have configured it; ssh asks nothing, so keys and known hosts must be in order.\n"
           "All hosts are served side by side. Packages come first, where nobody looks, then versions by one\n"
           "rename each, then the launcher, links last. A host that has another content under one of the names\n"
           "is told of, and left as it is. Nothing is ever removed there. A host that fails stops no other; the\n"
           "exit status is 1 then, and what it got is not brought again by the next run.",
       .examples = {{"karapace release sync", "to every host"},
                    {"karapace release sync --only stable node1", "one version to one host"},
                    {"karapace release sync -d /opt/apps/solver root@node1", "without a manifest"}}},
      declare, run);
}

}  // namespace karapace::cli
