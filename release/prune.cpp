// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/remove_tree.hpp"
#include "base/semantic_version.hpp"
#include "release/aliases.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

/// What people asked for by name, and what users get.
std::set<std::string> wanted_versions(const Destination& destination) {
  const auto wishes = destination.wishes();
  const auto aliases = aliases_of(destination.versions(), {wishes.manifest, wishes.chosen}).links;
  std::set<std::string> names = {"latest", "stable"};
  for (const auto* some : {&wishes.manifest, &wishes.chosen})
    for (const auto& [name, target] : *some) names.insert(name);
  std::set<std::string> wanted;
  for (const auto& name : names)
    if (const auto found = aliases.find(name); found != aliases.end()) wanted.insert(found->second);
  return wanted;
}

std::vector<std::string> old_versions(const Destination& destination, std::uint64_t keep) {
  auto versions = destination.versions();
  // Of equal times the lower version is the older.
  std::stable_sort(versions.begin(), versions.end(), [&](const auto& a, const auto& b) {
    return destination.installed_at(a).value_or(0) < destination.installed_at(b).value_or(0);
  });
  versions.resize(versions.size() - std::min<std::size_t>(keep, versions.size()));
  const auto wanted = wanted_versions(destination);
  std::erase_if(versions, [&](const auto& version) { return wanted.contains(version); });
  return versions;
}

/// It has no name any more when its parts go, and then nothing is known of it: somebody may install it anew meanwhile.
void remove_directory(const std::filesystem::path& path, const std::filesystem::path& record) {
  const auto unfinished = path.parent_path() / unfinished_name();
  if (::rename(path.c_str(), unfinished.c_str()) != 0)
    throw StoreError(errno_message(fmt::format("release: cannot remove \"{}\"", escaped_utf8(path.native())), errno));
  ::unlink(record.c_str());
  remove_tree(unfinished);
}

/// What stays needs what its release.json names, so that has to be what was installed. StoreError when it is not.
void require_whole(const Destination& destination, const std::string& version) {
  const auto refuse = [&](std::string_view why) {
    throw StoreError(
        fmt::format("release: nothing is removed, as {} {}; `karapace release verify` tells more", version, why));
  };
  if (!destination.has_installed_document(version))
    refuse(fmt::format("has another {} than was installed", store::release_document_file));
  for (const auto& package : destination.document(version).packages)
    if (!destination.is_entry(package.entry)) refuse(fmt::format("lacks its package {}", package.entry));
}

}  // namespace

Pruned prune(const Destination& destination, std::uint64_t keep, PruneMode mode, Notice notice) {
  const auto lock = destination.lock({}, std::move(notice));
  Pruned pruned;
  pruned.versions = old_versions(destination, keep);
  const std::set<std::string> going(pruned.versions.begin(), pruned.versions.end());
  for (const auto& [entry, users] : users_of_entries(destination))
    if (std::all_of(users.begin(), users.end(), [&](const auto& user) { return going.contains(user); }))
      if (destination.is_entry(entry) && destination.entry_listing(entry)) pruned.entries.push_back(entry);
  pruned.bytes = size_of_entries(destination, pruned.entries);

  auto staying = destination.versions();
  std::erase_if(staying, [&](const auto& version) { return going.contains(version); });
  for (const auto& version : staying) require_whole(destination, version);
  const auto wishes = destination.wishes();
  const auto aliases = aliases_of(staying, {wishes.manifest, wishes.chosen}).links;
  for (const auto& [alias, target] : destination.links()) {
    if (!going.contains(target)) continue;
    const auto found = aliases.find(alias);
    pruned.links.push_back({alias, target, found == aliases.end() ? std::nullopt : std::optional(found->second)});
  }
  if (mode == PruneMode::dry_run) return pruned;

  for (const auto& version : going) {
    const auto build = parse_build_name(version);
    destination.set_used_id(std::string(build->version), build->build);
  }
  for (const auto& link : pruned.links) {
    if (link.after)
      replace_link(destination.version(link.alias), *link.after);
    else
      ::unlink(destination.version(link.alias).c_str());
  }
  for (const auto& version : pruned.versions) {
    lock.renew();
    remove_directory(destination.version(version), destination.own("installed/" + version));
  }
  for (const auto& entry : pruned.entries) {
    lock.renew();
    remove_directory(destination.entry(entry), destination.own("listings/" + entry));
  }
  return pruned;
}

}  // namespace karapace::release
