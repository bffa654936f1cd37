// SPDX-License-Identifier: Apache-2.0
// release check: what at a destination does not fit together, or is not needed.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::optional<std::vector<std::string>> hosts;
};

void declare(Options& options, Arguments& arguments) {
  options.words("--hosts", "HOST", arguments.hosts, "look at hosts, too: these, or all of [release.hosts]");
  declare_destination(options, arguments.destination);
}

/// What each host lacks, or has other than here. Nothing is brought.
std::vector<release::HostReport> look_at_hosts(const release::Destination& destination, const Arguments& arguments) {
  if (!arguments.hosts) return {};
  const release::SyncRequest request{
      named_hosts(arguments.destination, *arguments.hosts), {}, release::SyncMode::dry_run};
  return release::sync(destination, request, [](const auto&, const auto&) {});
}

int run(const Context& context, const Arguments& arguments) {
  const auto destination = find_destination(arguments.destination);
  const auto faults = release::misfits(destination);
  std::vector<std::string> unused;
  for (const auto& [entry, users] : release::users_of_entries(destination))
    if (users.empty()) unused.push_back(entry);
  const auto bytes = release::size_of_entries(destination, unused);
  const auto hosts = look_at_hosts(destination, arguments);
  const bool is_right =
      faults.empty() && std::all_of(hosts.begin(), hosts.end(), [](const auto& host) { return host.nothing_to_do(); });
  if (context.json) {
    auto entries = nlohmann::json::array();
    for (const auto& entry : unused) entries.push_back(escaped_utf8(entry));
    context.print_json("karapace.release-check",
                       {{"destination_directory", path_json(destination.root())},
                        {"faults", faults_json(faults)},
                        {"hosts", arguments.hosts ? host_reports_json(hosts) : nlohmann::json()},
                        {"unused_bytes", bytes},
                        {"unused_entries", std::move(entries)}});
    return is_right ? 0 : 3;
  }
  print_faults(context, faults);
  for (const auto& entry : unused) context.print(fmt::format("store/{}: no version uses it\n", escaped_utf8(entry)));
  // With faults a version may need them that can not say so; `prune` judges.
  if (!unused.empty())
    context.print(fmt::format("{}, {}{}\n", counted(unused.size(), "package"), size_text(bytes),
                              faults.empty() ? ": `karapace release prune` removes what no version uses" : ""));
  for (const auto& host : hosts) {
    context.print(host_report_text(host, release::SyncMode::dry_run));
    if (!host.failure.empty()) context.warn(host.failure);
  }
  if (unused.empty() && is_right) context.print("all fits together\n");
  return is_right ? 0 : 3;
}

}  // namespace

Command release_check_command() {
  return make_command<Arguments>(
      {.name = "release check",
       .group = Group::releases,
       .summary = "Tell what at a destination does not fit together",
       .description =
           "Packages that no version uses; packages that a version needs and that are not there; links that\n"
           "lead nowhere; what is of no release. By names alone: `karapace release verify` reads all. Ends\n"
           "with 3 when something is wrong; what is not used is not wrong.",
       .examples = {{"karapace release check -d /opt/apps/solver", "of this destination"},
                    {"karapace release check --hosts", "and of every host of ./karapace.toml"}}},
      declare, run);
}

}  // namespace karapace::cli
