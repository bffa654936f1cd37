// SPDX-License-Identifier: Apache-2.0
#include "generator/project/package_changes.hpp"

#include <map>
#include <string>

namespace karapace::generator {

namespace {

/// The version that each package has in the end: an upgrade on top hides what the base has.
std::map<std::string, std::string> versions(const Lock& lock) {
  std::map<std::string, std::string> all;
  for (const auto* list : {&lock.base, &lock.packages}) {
    for (const auto& package : *list) all[package.name] = package.version;
  }
  return all;
}

}  // namespace

std::vector<PackageChange> package_changes(const Lock& before, const Lock& after) {
  auto old = versions(before);
  auto now = versions(after);
  std::map<std::string, PackageChange> changes;
  for (const auto& [name, version] : old) changes[name] = {name, version, std::nullopt};
  for (const auto& [name, version] : now) {
    auto& change = changes[name];
    change.name = name;
    change.after = version;
  }
  std::vector<PackageChange> all;
  for (auto& [name, change] : changes) {
    if (change.before != change.after) all.push_back(std::move(change));
  }
  return all;
}

}  // namespace karapace::generator
