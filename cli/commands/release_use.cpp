// SPDX-License-Identifier: Apache-2.0
// release use: which version a link names.
#include <algorithm>

#include <fmt/format.h>
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
  std::string alias;
  std::string version;
  bool forget = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("LINK", arguments.alias, "stable, or any other name", Options::Presence::required);
  options.positional("VERSION", arguments.version, "1.4.2+1; or 1.4, another link or ^ (the highest), to follow it");
  options.flag("--forget", arguments.forget, "the link is again what the manifest says, or goes");
  declare_destination(options, arguments.destination);
}

/// Of a link that is where it was: whether it stays there is what may have changed.
std::string unmoved_text(const std::string& alias, const std::string& version, const release::LinkChoice& choice) {
  if (choice.before == choice.after)
    return fmt::format("{} is {}, and it was chosen before: nothing changed\n", alias, version);
  if (!choice.after) return fmt::format("{} is {} as before, and is free again\n", alias, version);
  if (*choice.after == version) return fmt::format("{} is {} as before, and stays\n", alias, version);
  return fmt::format("{} is {} as before, and follows {}\n", alias, version, *choice.after);
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.forget != arguments.version.empty())
    throw UsageError("release use: give the version that the link shall name, or --forget");
  const auto destination = find_destination(arguments.destination);
  const auto notice = release_notice(context);
  const auto choice = arguments.forget ? release::forget_link(destination, arguments.alias, notice)
                                       : release::choose_link(destination, arguments.alias, arguments.version, notice);
  if (context.json) {
    const auto optional = [](const auto& text) {
      return text ? nlohmann::json(escaped_utf8(*text)) : nlohmann::json();
    };
    context.print_json("karapace.release-use", {{"chosen", optional(choice.after)},
                                                {"chosen_before", optional(choice.before)},
                                                {"destination_directory", path_json(destination.root())},
                                                {"links", link_changes_json(choice.changes)}});
    return 0;
  }
  print_link_changes(context, choice.changes);
  const bool is_moved =
      std::ranges::any_of(choice.changes, [&](const auto& change) { return change.alias == arguments.alias; });
  if (!is_moved) context.print(unmoved_text(arguments.alias, destination.resolve(arguments.alias), choice));
  return 0;
}

}  // namespace

Command release_use_command() {
  return make_command<Arguments>(
      {.name = "release use",
       .group = Group::releases,
       .summary = "Choose the version that a link names",
       .description =
           "The link is exchanged in one step; whoever runs a program meanwhile gets the one version or the\n"
           "other. It stays where it is, whatever is installed and whatever manifests say, until it is chosen\n"
           "again or forgotten. A version in full stays; 1.4 or another link is followed.",
       .examples = {{"karapace release use stable 1.3", "back to the highest 1.3"},
                    {"karapace release use stable 1.4.2+1", "exactly this one, whatever comes"},
                    {"karapace release use --forget stable", "as it comes of itself again"}}},
      declare, run);
}

}  // namespace karapace::cli
