// SPDX-License-Identifier: Apache-2.0
#include "cli/release_report.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "cli/table.hpp"

namespace karapace::cli {

void declare_destination(Options& options, DestinationArguments& arguments) {
  options.value("-m,--manifest", "MANIFEST", arguments.manifest,
                "whose [release] names the destination: a manifest, or a directory with a karapace.toml (default: .)");
  options.value("-d,--destination", "DIR", arguments.destination, "this destination, whatever a manifest says");
}

std::filesystem::path named_manifest(const std::string& word) {
  return std::filesystem::absolute(word.empty() ? "." : word).lexically_normal();
}

release::Destination find_destination(const DestinationArguments& arguments) {
  if (!arguments.destination.empty() && !arguments.manifest.empty())
    throw UsageError("release: --manifest and --destination both name a destination; give one of them");
  if (arguments.destination.empty())
    return release::Destination::open(release::declared_release(named_manifest(arguments.manifest)).destination);
  return release::Destination::open(std::filesystem::absolute(arguments.destination).lexically_normal());
}

Notice release_notice(const Context& context) {
  return [&context](const std::string& message) { context.tell(message); };
}

std::string installed_text(std::optional<std::int64_t> seconds) {
  if (!seconds) return "?";
  const auto time = static_cast<std::time_t>(*seconds);
  std::tm local{};
  ::localtime_r(&time, &local);
  return fmt::format("{:%Y-%m-%d %H:%M}", local);
}

nlohmann::json link_changes_json(const std::vector<release::LinkChange>& changes) {
  const auto optional = [](const auto& text) { return text ? nlohmann::json(escaped_utf8(*text)) : nlohmann::json(); };
  auto all = nlohmann::json::array();
  for (const auto& change : changes)
    all.push_back({{"alias", change.alias}, {"before", optional(change.before)}, {"after", optional(change.after)}});
  return all;
}

void print_link_changes(const Context& context, const std::vector<release::LinkChange>& changes) {
  for (const auto& change : changes) {
    if (!change.after)
      context.print(fmt::format("{} is gone\n", change.alias));
    else if (change.before)
      context.print(fmt::format("{} is {} now, and was {}\n", change.alias, *change.after, *change.before));
    else
      context.print(fmt::format("{} is {} now\n", change.alias, *change.after));
  }
}

nlohmann::json faults_json(const std::vector<release::Fault>& faults) {
  auto all = nlohmann::json::array();
  for (const auto& fault : faults)
    all.push_back({{"where", escaped_utf8(fault.where)}, {"path", escaped_utf8(fault.path)}, {"reason", fault.what}});
  return all;
}

void print_faults(const Context& context, const std::vector<release::Fault>& faults) {
  for (const auto& fault : faults)
    context.print(fmt::format("{}{}{}: {}\n", escaped_utf8(fault.where), fault.path.empty() ? "" : "/",
                              escaped_utf8(fault.path), fault.what));
}

std::vector<std::string> aliases_of_version(const release::Destination& destination, const std::string& version) {
  std::vector<std::string> aliases;
  for (const auto& [alias, target] : destination.links())
    if (target == version) aliases.push_back(alias);
  return aliases;
}

}  // namespace karapace::cli
