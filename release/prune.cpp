// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/remove_tree.hpp"
#include "base/semantic_version.hpp"
#include "release/aliases.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

namespace fs = std::filesystem;

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
  // Of equal times the lower version is the older. What came with an archive, which has no times, is the oldest.
  std::stable_sort(versions.begin(), versions.end(), [&](const auto& a, const auto& b) {
    return destination.installed_at(a).value_or(0) < destination.installed_at(b).value_or(0);
  });
  versions.resize(versions.size() - std::min<std::size_t>(keep, versions.size()));
  const auto wanted = wanted_versions(destination);
  std::erase_if(versions, [&](const auto& version) { return wanted.contains(version); });
  return versions;
}

/// Of what is not whole nobody knows which packages belong to it, nor when it was installed. StoreError when anything
/// is.
void require_all_known(const Destination& destination) {
  const auto refuse = [](const std::string& why) { throw StoreError("release: nothing is removed, as " + why); };
  for (const auto& name : destination.lost_versions())
    refuse(
        fmt::format("{0} was installed, or was about to be, and is no whole version: bring it back with `karapace "
                    "release install` or `sync`; when it was removed for good, remove versions/{0} and "
                    ".karapace/installed/{0}, too",
                    name));
  for (const auto& version : destination.versions()) {
    if (!destination.version_listing(version))
      refuse(
          fmt::format("it is not known what {} was when it was installed (.karapace/installed/{}); `karapace release "
                      "install` of its build, or `sync`, brings that back",
                      version, version));
    if (!destination.readable_document(version))
      refuse(fmt::format("the {} of {} can not be read; `karapace release verify` tells more",
                         store::release_document_file, version));
  }
}

/// What stays needs what its release.json names, so that has to be what was installed. StoreError when it is not.
void require_whole(const Destination& destination, const std::string& version) {
  const auto refuse = [&](std::string_view why) {
    throw StoreError(
        fmt::format("release: nothing is removed, as {} {}; `karapace release verify` tells more", version, why));
  };
  if (destination.has_installed_document(version) != true)
    refuse(fmt::format("has another {} than was installed", store::release_document_file));
  for (const auto& package : destination.document(version).packages)
    if (!destination.is_entry(package.entry)) refuse(fmt::format("lacks its package {}", package.entry));
}

/// Reads only.
Pruned planned(const Destination& destination, std::uint64_t keep) {
  require_all_known(destination);
  Pruned pruned;
  pruned.versions = old_versions(destination, keep);
  const std::set<std::string> going(pruned.versions.begin(), pruned.versions.end());
  auto staying = destination.versions();
  std::erase_if(staying, [&](const auto& version) { return going.contains(version); });
  for (const auto& version : staying) require_whole(destination, version);
  for (const auto& [entry, users] : users_of_entries(destination))
    if (std::all_of(users.begin(), users.end(), [&](const auto& user) { return going.contains(user); }))
      if (destination.is_entry(entry) && destination.entry_listing(entry)) pruned.entries.push_back(entry);
  pruned.bytes = size_of_entries(destination, pruned.entries);
  const auto wishes = destination.wishes();
  const auto aliases = aliases_of(staying, {wishes.manifest, wishes.chosen}).links;
  for (const auto& [alias, target] : destination.links()) {
    if (!going.contains(target)) continue;
    const auto found = aliases.find(alias);
    pruned.links.push_back({alias, target, found == aliases.end() ? std::nullopt : std::optional(found->second)});
  }
  return pruned;
}

/// On the disk before what they led to goes.
void switch_links(const Destination& destination, const std::vector<LinkChange>& links) {
  for (const auto& link : links) {
    if (link.after)
      replace_link(destination.version(link.alias), *link.after);
    else
      ::unlink(destination.version(link.alias).c_str());
  }
  sync_directory(destination.root() / "versions");
}

/// False where directories can not be renamed: those of a lower layer of overlayfs.
bool rename_directory(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EXDEV) return false;
  throw StoreError(errno_message(fmt::format("release: cannot remove \"{}\"", escaped_utf8(from.native())), errno));
}

/// It has no name any more when its parts go, and then nothing is known of it: somebody may install it anew meanwhile.
/// Where it keeps its name it is unknown before, so that what is left of it is not believed.
void remove_entry(const Destination& destination, const std::string& name) {
  const auto unfinished = destination.root() / "store" / unfinished_name();
  const bool is_renamed = rename_directory(destination.entry(name), unfinished);
  ::unlink(destination.own("listings/" + name).c_str());
  remove_tree(is_renamed ? unfinished : destination.entry(name));
}

/// Where it keeps its name its release.json goes last: what is left of it is a version that the next run removes.
void remove_version(const Destination& destination, const std::string& name) {
  const auto path = destination.version(name);
  const auto unfinished = destination.root() / "versions" / unfinished_name();
  const bool is_renamed = rename_directory(path, unfinished);
  if (!is_renamed) {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    for (const auto& part : names_in(path))
      if (part != store::release_document_file) remove_tree(path / part);
  }
  ::unlink(destination.own("installed/" + name).c_str());
  remove_tree(is_renamed ? unfinished : path);
}

}  // namespace

Pruned prune(const Destination& destination, std::uint64_t keep, PruneMode mode, Notice notice) {
  // Nothing is written by looking: not even a lock, where nothing can be.
  if (mode == PruneMode::dry_run) return planned(destination, keep);
  const DestinationLock::Patience patience;
  const auto lock = destination.lock(patience, std::move(notice));
  const SignsOfLife signs(lock, patience.with_silence);
  destination.sweep();
  auto pruned = planned(destination, keep);
  for (const auto& version : pruned.versions) {
    const auto build = parse_build_name(version);
    destination.set_used_id(std::string(build->version), build->build);
  }
  lock.renew();
  switch_links(destination, pruned.links);
  for (const auto& version : pruned.versions) {
    lock.renew();
    remove_version(destination, version);
  }
  for (const auto& entry : pruned.entries) {
    lock.renew();
    remove_entry(destination, entry);
  }
  return pruned;
}

}  // namespace karapace::release
