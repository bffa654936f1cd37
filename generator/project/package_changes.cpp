// SPDX-License-Identifier: Apache-2.0
#include "generator/project/package_changes.hpp"

#include <map>

#include <fmt/format.h>

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

std::vector<std::string> package_changes(const Lock& before, const Lock& after) {
  auto old = versions(before);
  auto now = versions(after);
  std::map<std::string, std::string> changes;
  for (const auto& [name, version] : old) {
    if (!now.contains(name)) changes[name] = fmt::format("- {} {}", name, version);
  }
  for (const auto& [name, version] : now) {
    auto found = old.find(name);
    if (found == old.end()) {
      changes[name] = fmt::format("+ {} {}", name, version);
    } else if (found->second != version) {
      changes[name] = fmt::format("~ {} {} → {}", name, found->second, version);
    }
  }
  std::vector<std::string> lines;
  for (auto& [name, line] : changes) lines.push_back(std::move(line));
  return lines;
}

}  // namespace karapace::generator
