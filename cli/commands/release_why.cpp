// SPDX-License-Identifier: Apache-2.0
// release why: which versions are made of a package.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::string word;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("PACKAGE", arguments.word, "a package's name, or a directory of the destination's store",
                     Options::Presence::required);
  declare_destination(options, arguments.destination);
}

using Users = std::map<std::string, std::vector<std::string>>;

/// Of a store entry, what is behind the digits: "NAME-VERSION".
std::string_view title(std::string_view entry) { return entry.substr(std::min<std::size_t>(entry.size(), 33)); }

Users wanted(const release::Destination& destination, std::string word) {
  while (word.ends_with('/')) word.pop_back();
  word = std::filesystem::path(word).filename();
  Users found;
  for (const auto& [entry, versions] : release::users_of_entries(destination)) {
    if (entry == word || title(entry) == word || title(entry).starts_with(word + "-")) found.emplace(entry, versions);
  }
  if (found.empty())
    throw NotFoundError(
        fmt::format("release why: \"{}\" has no package \"{}\"; `karapace release list --json` names them",
                    escaped_utf8(destination.root().native()), escaped_utf8(word)));
  return found;
}

int run(const Context& context, const Arguments& arguments) {
  const auto destination = find_destination(arguments.destination);
  const auto found = wanted(destination, arguments.word);
  const auto all_aliases = release::aliases_by_target(destination);
  auto entries = nlohmann::json::array();
  for (const auto& [entry, versions] : found) {
    auto users = nlohmann::json::array();
    if (!context.json)
      context.print(fmt::format("{}{}\n", escaped_utf8(entry), versions.empty() ? ": nothing uses it" : ""));
    for (const auto& version : versions) {
      const auto known = all_aliases.find(version);
      const auto aliases = known == all_aliases.end() ? std::vector<std::string>() : known->second;
      users.push_back({{"aliases", aliases}, {"version", version}});
      if (!context.json)
        context.print(
            fmt::format("  {}{}\n", version, aliases.empty() ? "" : fmt::format(" ({})", fmt::join(aliases, ", "))));
    }
    entries.push_back({{"entry", escaped_utf8(entry)}, {"versions", std::move(users)}});
  }
  if (context.json)
    context.print_json("karapace.release-why",
                       {{"destination_directory", path_json(destination.root())}, {"entries", std::move(entries)}});
  return 0;
}

}  // namespace

Command release_why_command() {
  return make_command<Arguments>(
      {.name = "release why",
       .group = Group::releases,
       .summary = "Tell which versions are made of a package",
       .description =
           "Each directory in the destination's store that has the package, the versions that lead into it,\n"
           "and the links that lead to these.",
       .examples = {{"karapace release why libgrid", "who uses which libgrid"}}},
      declare, run);
}

}  // namespace karapace::cli
