// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "release/installed_tree.hpp"
#include "release/kept_records.hpp"
#include "release/launchers.hpp"
#include "release/trusted_directory.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

/// Twice, for a link may be switched and what it led to removed while it is followed.
bool leads_somewhere(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 || ::stat(path.c_str(), &status) == 0;
}

bool is_there(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_version(const Destination& destination, const std::string& name) {
  const auto versions = destination.versions();
  return std::find(versions.begin(), versions.end(), name) != versions.end();
}

/// Programs are links to launchers, and these are what their names say.
void append_programs(std::vector<Fault>& faults, const Destination& destination) {
  for (const auto& name : names_in(destination.root() / "bin")) {
    const auto target = link_text(destination.program(name));
    if (is_launcher_name(name) && !has_launcher(destination, name)) faults.push_back({"bin/" + name, "", "content"});
    if (name.starts_with('.')) continue;
    if (!target || !is_launcher_name(*target))
      faults.push_back({"bin/" + name, "", "is not of a release"});
    else if (!leads_somewhere(destination.program(name)))
      faults.push_back({"bin/" + name, "", "leads nowhere"});
  }
}

void append_links(std::vector<Fault>& faults, const Destination& destination) {
  for (const auto& name : names_in(destination.root() / "versions")) {
    const auto path = destination.version(name);
    if (!name.starts_with('.') && link_text(path) && !leads_somewhere(path) && link_text(path))
      faults.push_back({"versions/" + name, "", "leads nowhere"});
  }
}

/// Without it the launcher starts nothing unless a version is named.
void append_missing_stable(std::vector<Fault>& faults, const Destination& destination) {
  const auto programs = names_in(destination.root() / "bin");
  if (std::all_of(programs.begin(), programs.end(), [](const auto& name) { return name.starts_with('.'); })) return;
  if (link_text(destination.version("stable"))) return;
  faults.push_back({"versions/stable", "",
                    "missing, so what is in bin starts only with the name of a version; `karapace release use stable "
                    "VERSION` makes it"});
}

/// What everybody may write to is no more than what somebody wrote there last.
void append_open_parts(std::vector<Fault>& faults, const Destination& destination) {
  for (const auto* part : {"", "store", "versions", "bin", ".karapace", ".karapace/installed", ".karapace/listings",
                           ".karapace/locks", ".karapace/lock"})
    if (is_writable_by_all(destination.root() / part))
      faults.push_back({part, "", "everybody may write there; `chmod o-w` ends that"});
}

/// Without them it is not known what versions must be, or which ids and links were given.
void append_records(std::vector<Fault>& faults, const Destination& destination) {
  for (const auto* record : {used_file, wishes_file})
    if (!destination.is_kept_whole(record))
      faults.push_back({std::string(".karapace/") + record, "",
                        "is damaged, or another than its copy; what changes the destination next writes both anew"});
  for (const auto& name : destination.lost_versions())
    if (!is_there(destination.version(name)))
      faults.push_back({".karapace/installed/" + name, "", "the version is missing"});
  for (const auto& version : destination.versions()) {
    if (!destination.version_listing(version) && is_version(destination, version))
      faults.push_back({"versions/" + version, "", "what it should be is not known"});
    if (!destination.readable_document(version) && is_version(destination, version))
      faults.push_back({"versions/" + version, store::release_document_file, "can not be read"});
  }
}

/// Of what somebody removes meanwhile there is nothing to tell.
void append_tree(std::vector<Fault>& faults, const std::string& where, const std::filesystem::path& directory,
                 const store::Listing& listing, unsigned threads) {
  try {
    auto found = faults_of_installed_tree(directory, listing, threads);
    if (!is_directory_itself(directory)) return;
    for (auto& fault : found) faults.push_back({where, std::move(fault.path), std::move(fault.what)});
  } catch (const StoreError&) {
    if (is_directory_itself(directory)) throw;
  }
}

void append_entry(std::vector<Fault>& faults, const Destination& destination, const std::string& entry,
                  const std::map<std::string, LayerId>& layers, unsigned threads) {
  const auto listing = destination.entry_listing(entry);
  // What versions say goes before what lies beside.
  const auto told = layers.find(entry);
  if (listing && (told == layers.end() || listing->id() == told->second))
    append_tree(faults, "store/" + entry, destination.entry(entry), *listing, threads);
  else if (destination.is_entry(entry))
    faults.push_back({"store/" + entry, "", "what it should be is not known"});
}

/// Entry -> the layer that versions say it is.
std::map<std::string, LayerId> told_layers(const Destination& destination) {
  std::map<std::string, LayerId> layers;
  for (const auto& version : destination.versions())
    if (const auto document = destination.readable_document(version))
      for (const auto& package : document->packages) layers.emplace(package.entry, package.layer);
  return layers;
}

}  // namespace

std::map<std::string, std::vector<std::string>> users_of_entries(const Destination& destination) {
  std::map<std::string, std::vector<std::string>> users;
  for (const auto& entry : destination.entries()) users[entry];
  for (const auto& version : destination.versions())
    if (const auto document = destination.readable_document(version))
      for (const auto& package : document->packages) users[package.entry].push_back(version);
  return users;
}

std::map<std::string, std::vector<std::string>> aliases_by_target(const Destination& destination) {
  std::map<std::string, std::vector<std::string>> aliases;
  for (const auto& [alias, target] : destination.links()) aliases[target].push_back(alias);
  return aliases;
}

std::uint64_t size_of_entries(const Destination& destination, const std::vector<std::string>& entries) {
  std::uint64_t bytes = 0;
  for (const auto& entry : entries)
    if (const auto listing = destination.entry_listing(entry)) bytes += listing->content_size();
  return bytes;
}

std::vector<Fault> misfits(const Destination& destination) {
  std::vector<Fault> faults;
  append_open_parts(faults, destination);
  append_records(faults, destination);
  append_programs(faults, destination);
  for (const auto& [entry, users] : users_of_entries(destination))
    if (!destination.is_entry(entry) && !users.empty() && is_version(destination, users.front()))
      faults.push_back({"store/" + entry, "", "missing, though the version " + users.front() + " is made of it"});
  append_links(faults, destination);
  append_missing_stable(faults, destination);
  for (auto& name : destination.strangers()) faults.push_back({std::move(name), "", "is not of a release"});
  return faults;
}

std::vector<Fault> verify(const Destination& destination, unsigned threads) {
  auto faults = misfits(destination);
  const auto layers = told_layers(destination);
  for (const auto& entry : destination.entries()) append_entry(faults, destination, entry, layers, threads);
  for (const auto& version : destination.versions())
    if (const auto listing = destination.version_listing(version))
      append_tree(faults, "versions/" + version, destination.version(version), *listing, threads);
  return faults;
}

}  // namespace karapace::release
