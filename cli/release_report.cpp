// SPDX-License-Identifier: Apache-2.0
#include "cli/release_report.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/table.hpp"

namespace karapace::cli {

namespace {

/// Where there is no manifest at all it is the destination that is to be named.
void require_project(const DestinationArguments& arguments, const std::filesystem::path& manifest) {
  std::error_code error;
  if (!arguments.manifest.empty() || !std::filesystem::is_directory(manifest, error)) return;
  throw ManifestError(
      "there is no manifest karapace.toml here or above that would name a destination: name it with --destination DIR, "
      "or begin a release with `karapace release init NAME`");
}

}  // namespace

void declare_destination(Options& options, DestinationArguments& arguments) {
  options.value("-m,--manifest", "MANIFEST", arguments.manifest,
                "whose [release] names the destination: a manifest, or a directory with a karapace.toml (default: here "
                "or above)");
  options.value("-d,--destination", "DIR", arguments.destination, "this destination, whatever a manifest says");
}

std::filesystem::path named_manifest(const std::string& word) {
  const auto named = std::filesystem::absolute(word.empty() ? "." : word).lexically_normal();
  if (!word.empty()) return named;
  for (auto directory = named;; directory = directory.parent_path()) {
    std::error_code error;
    if (std::filesystem::exists(directory / "karapace.toml", error)) return directory / "karapace.toml";
    if (!directory.has_relative_path()) return named;
  }
}

release::Destination find_destination(const DestinationArguments& arguments) {
  if (!arguments.destination.empty() && !arguments.manifest.empty())
    throw UsageError("release: --manifest and --destination both name a destination; give one of them");
  if (arguments.destination.empty()) {
    const auto manifest = named_manifest(arguments.manifest);
    require_project(arguments, manifest);
    return release::Destination::open(release::declared_release(manifest).destination);
  }
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

std::map<std::string, std::string> named_hosts(const DestinationArguments& arguments,
                                               const std::vector<std::string>& words) {
  std::map<std::string, std::string> hosts;
  if (!arguments.destination.empty()) {
    for (const auto& host : words) hosts.emplace(host, host);
  } else {
    const auto declared = release::declared_release(named_manifest(arguments.manifest)).hosts;
    for (const auto& host : words) {
      const auto found = declared.find(host);
      if (found == declared.end())
        throw NotFoundError(fmt::format("release: [release.hosts] has no \"{}\"", escaped_utf8(host)));
      hosts.insert(*found);
    }
    if (words.empty()) hosts = declared;
  }
  if (hosts.empty())
    throw UsageError(
        "release: no host is named; list hosts in [release.hosts], NAME = \"USER@HOST\", or name them after "
        "--destination DIR");
  return hosts;
}

std::string host_report_text(const release::HostReport& host, release::SyncMode mode) {
  if (!host.failure.empty()) return fmt::format("{}: failed\n", host.name);
  if (host.nothing_to_do()) return fmt::format("{}: has all of it, nothing to bring\n", host.name);
  auto text = fmt::format("{}: {} {} and {} ({}), {}\n", host.name,
                          mode == release::SyncMode::dry_run ? "would bring" : "brought",
                          counted(host.versions.size(), "version"), counted(host.entries.size(), "package"),
                          size_text(host.bytes), counted(host.links.size(), "link"));
  return text;
}

nlohmann::json host_reports_json(const std::vector<release::HostReport>& reports) {
  auto all = nlohmann::json::array();
  for (const auto& host : reports) {
    const auto* state = !host.failure.empty() ? "failed" : host.nothing_to_do() ? "equal" : "changed";
    all.push_back({{"address", host.address},
                   {"entries", host.entries},
                   {"failure", host.failure.empty() ? nlohmann::json() : nlohmann::json(escaped_utf8(host.failure))},
                   {"kept_links", host.kept},
                   {"left_out_links", host.left_out},
                   {"links", host.links},
                   {"name", host.name},
                   {"reused_names", host.reused},
                   {"size_bytes", host.bytes},
                   {"state", state},
                   {"versions", host.versions}});
  }
  return all;
}

}  // namespace karapace::cli
