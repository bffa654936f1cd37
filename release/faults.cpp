// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <sys/stat.h>

#include "base/directory.hpp"
#include "release/installed_tree.hpp"
#include "release/launchers.hpp"
#include "release/unfinished.hpp"
#include "release/upkeep.hpp"

namespace karapace::release {

namespace {

bool leads_somewhere(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
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
    if (!name.starts_with('.') && link_text(path) && !leads_somewhere(path))
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

void append_tree(std::vector<Fault>& faults, const std::string& where, const std::filesystem::path& directory,
                 const std::optional<store::Listing>& listing, unsigned threads) {
  if (!listing) {
    faults.push_back({where, "", "what it should be is not known"});
    return;
  }
  for (auto& fault : faults_of_installed_tree(directory, *listing, threads))
    faults.push_back({where, std::move(fault.path), std::move(fault.what)});
}

/// Entry -> the layer that versions say it is.
std::map<std::string, LayerId> told_layers(const Destination& destination) {
  std::map<std::string, LayerId> layers;
  for (const auto& version : destination.versions())
    for (const auto& package : destination.document(version).packages) layers.emplace(package.entry, package.layer);
  return layers;
}

}  // namespace

std::map<std::string, std::vector<std::string>> users_of_entries(const Destination& destination) {
  std::map<std::string, std::vector<std::string>> users;
  for (const auto& entry : destination.entries()) users[entry];
  for (const auto& version : destination.versions())
    for (const auto& package : destination.document(version).packages) users[package.entry].push_back(version);
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
  append_programs(faults, destination);
  for (const auto& [entry, users] : users_of_entries(destination))
    if (!destination.is_entry(entry))
      faults.push_back({"store/" + entry, "", "missing, though the version " + users.front() + " is made of it"});
  append_links(faults, destination);
  append_missing_stable(faults, destination);
  for (auto& name : destination.strangers()) faults.push_back({std::move(name), "", "is not of a release"});
  return faults;
}

std::vector<Fault> verify(const Destination& destination, unsigned threads) {
  auto faults = misfits(destination);
  const auto layers = told_layers(destination);
  for (const auto& entry : destination.entries()) {
    auto listing = destination.entry_listing(entry);
    // What versions say goes before what lies beside.
    const auto told = layers.find(entry);
    if (listing && told != layers.end() && listing->id() != told->second) listing.reset();
    append_tree(faults, "store/" + entry, destination.entry(entry), listing, threads);
  }
  for (const auto& version : destination.versions())
    append_tree(faults, "versions/" + version, destination.version(version), destination.version_listing(version),
                threads);
  return faults;
}

}  // namespace karapace::release
