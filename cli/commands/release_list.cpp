// SPDX-License-Identifier: Apache-2.0
// release list: the versions of a destination.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"
#include "cli/table.hpp"

namespace karapace::cli {

namespace {

using Arguments = DestinationArguments;

struct Listed {
  std::string name;
  std::vector<std::string> aliases;
  std::optional<std::int64_t> installed;
  std::uint64_t bytes = 0;
  store::ReleaseDocument document;
};

/// The highest first. Of what can not be read there is nothing but its name to tell.
std::vector<Listed> listed(const Context& context, const release::Destination& destination) {
  std::vector<Listed> all;
  auto aliases = release::aliases_by_target(destination);
  for (const auto& name : destination.versions()) {
    auto document = destination.readable_document(name);
    if (!document) {
      context.warn(fmt::format("{} is not listed: its {} can not be read; `karapace release verify` tells more", name,
                               store::release_document_file));
      continue;
    }
    Listed version{name, std::move(aliases[name]), destination.installed_at(name), 0, std::move(*document)};
    std::vector<std::string> entries;
    for (const auto& package : version.document.packages) entries.push_back(package.entry);
    version.bytes = release::size_of_entries(destination, entries);
    all.push_back(std::move(version));
  }
  std::reverse(all.begin(), all.end());
  return all;
}

nlohmann::json json_of(const std::vector<Listed>& versions) {
  auto all = nlohmann::json::array();
  for (const auto& version : versions) {
    auto packages = nlohmann::json::array();
    for (const auto& package : version.document.packages)
      packages.push_back({{"entry", package.entry}, {"name", package.name}, {"version", package.version}});
    all.push_back({{"aliases", version.aliases},
                   {"environment", version.document.environment.hex()},
                   {"installed", version.installed ? nlohmann::json(*version.installed) : nlohmann::json()},
                   {"packages", std::move(packages)},
                   {"release", version.document.name},
                   {"size_bytes", version.bytes},
                   {"version", version.name}});
  }
  return all;
}

int run(const Context& context, const Arguments& arguments) {
  const auto destination = find_destination(arguments);
  const auto versions = listed(context, destination);
  if (context.json) {
    context.print_json("karapace.release-list",
                       {{"destination_directory", path_json(destination.root())}, {"versions", json_of(versions)}});
    return 0;
  }
  if (versions.empty()) context.tell("no version is installed; run `karapace release install`");
  std::vector<TableRow> rows;
  if (!versions.empty()) rows.push_back({"VERSION", "INSTALLED", "SIZE", "LINKS"});
  for (const auto& version : versions)
    rows.push_back({version.name, installed_text(version.installed), size_text(version.bytes),
                    fmt::format("{}", fmt::join(version.aliases, ", "))});
  context.print(table_text(rows, {0, 0, 0}, 2));
  return 0;
}

}  // namespace

Command release_list_command() {
  return make_command<Arguments>(
      {.name = "release list",
       .group = Group::releases,
       .summary = "List the versions that are installed",
       .description = "The highest first, with when they were installed, how large their packages are (versions may\n"
                      "share some), and the links that lead to them.",
       .examples = {{"karapace release list", "of ./karapace.toml's release"},
                    {"karapace release list -d /opt/apps/solver", "of this destination"}}},
      declare_destination, run);
}

}  // namespace karapace::cli
