// SPDX-License-Identifier: Apache-2.0
// What the commands about releases have in common: which destination is meant, and how links and faults are told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/waiting.hpp"
#include "cli/context.hpp"
#include "cli/options.hpp"
#include "release/built_release.hpp"
#include "release/sync.hpp"
#include "release/upkeep.hpp"

namespace karapace::cli {

struct DestinationArguments {
  std::string manifest;
  std::string destination;
};
/// --manifest MANIFEST and --destination DIR.
void declare_destination(Options& options, DestinationArguments& arguments);
/// The manifest that was named, or that of the working directory.
std::filesystem::path named_manifest(const std::string& word);
/// The one that was named, or of the manifest.
release::Destination find_destination(const DestinationArguments& arguments);

/// Tells that somebody else is waited for.
Notice release_notice(const Context& context);

/// "installed": seconds since 1970.
std::string installed_text(std::optional<std::int64_t> seconds);
nlohmann::json link_changes_json(const std::vector<release::LinkChange>& changes);
void print_link_changes(const Context& context, const std::vector<release::LinkChange>& changes);
nlohmann::json faults_json(const std::vector<release::Fault>& faults);
void print_faults(const Context& context, const std::vector<release::Fault>& faults);
/// Name -> what ssh takes: those of [release.hosts] that are named, or all; with --destination the words themselves.
std::map<std::string, std::string> named_hosts(const DestinationArguments& arguments,
                                               const std::vector<std::string>& words);
std::string host_report_text(const release::HostReport& host, release::SyncMode mode);
nlohmann::json host_reports_json(const std::vector<release::HostReport>& reports);

}  // namespace karapace::cli
