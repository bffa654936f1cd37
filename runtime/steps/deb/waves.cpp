// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/waves.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "deb/version.hpp"

namespace karapace::steps::deb {

namespace {

using Packages = std::set<const DebPackage*>;

/// What the packages of one installation need of each other.
class Needs {
 public:
  Needs(const std::vector<const DebPackage*>& packages, const DpkgDatabase& database) : database_(database) {
    for (const auto* package : packages) {
      by_name_.emplace(package->name, package);
      for (const auto& group : karapace::deb::alternatives(package->stanza.value("Provides")))
        for (const auto& provided : group) by_provided_.emplace(provided.name, package);
    }
  }

  /// What the field names among these packages, one for each group of alternatives that only they can satisfy.
  Packages named(const DebPackage& package, std::string_view field) const {
    Packages result;
    for (const auto& group : karapace::deb::alternatives(package.stanza.value(field)))
      if (const auto* found = satisfier(group); found != nullptr && found != &package) result.insert(found);
    return result;
  }

  Packages with_dependencies(Packages begun) {
    std::vector<const DebPackage*> pending(begun.begin(), begun.end());
    while (!pending.empty()) {
      const auto* package = pending.back();
      pending.pop_back();
      for (const auto* other : direct(package))
        if (begun.insert(other).second) pending.push_back(other);
    }
    return begun;
  }

 private:
  /// Found out once for each package: hundreds may be asked for by dozens.
  const Packages& direct(const DebPackage* package) {
    auto [place, is_new] = direct_.try_emplace(package);
    if (is_new) {
      place->second = named(*package, "Pre-Depends");
      place->second.merge(named(*package, "Depends"));
    }
    return place->second;
  }

  const DebPackage* satisfier(const std::vector<karapace::deb::Relation>& group) const {
    for (const auto& one : group) {
      const auto found = by_name_.find(one.name);
      if (found != by_name_.end() && one.holds_for(found->second->version)) return found->second;
      if (is_installed(one)) return nullptr;
    }
    for (const auto& one : group)
      if (const auto found = by_provided_.find(one.name); found != by_provided_.end()) return found->second;
    return nullptr;
  }

  bool is_installed(const karapace::deb::Relation& one) const {
    const auto* stanza = database_.installed(one.name);
    return stanza != nullptr && one.holds_for(stanza->value("Version"));
  }

  const DpkgDatabase& database_;
  std::map<std::string, const DebPackage*, std::less<>> by_name_;
  std::map<std::string, const DebPackage*, std::less<>> by_provided_;  // the first of them
  std::map<const DebPackage*, Packages> direct_;
};

/// For each package that pre-depends on some of these: all that must be configured before.
std::map<const DebPackage*, Packages> requirements(const std::vector<const DebPackage*>& packages, Needs needs) {
  std::map<const DebPackage*, Packages> all;
  for (const auto* package : packages) {
    auto direct = needs.named(*package, "Pre-Depends");
    if (direct.empty()) continue;
    auto before = needs.with_dependencies(std::move(direct));
    before.erase(package);  // a circle
    all.emplace(package, std::move(before));
  }
  return all;
}

}  // namespace

std::vector<Wave> waves(const std::vector<const DebPackage*>& packages, const DpkgDatabase& database) {
  auto required = requirements(packages, Needs(packages, database));
  std::vector<Wave> result;
  Packages unpacked, configured;
  auto can_be_unpacked = [&](const DebPackage* package) {
    const auto& needed = required[package];
    return std::all_of(needed.begin(), needed.end(), [&](const auto* other) { return unpacked.contains(other); });
  };
  auto is_left = [&](const DebPackage* package) { return !unpacked.contains(package); };
  while (unpacked.size() < packages.size()) {
    Wave wave;
    for (const auto* package : packages)
      if (is_left(package) && can_be_unpacked(package)) wave.packages.push_back(package);
    if (wave.packages.empty())  // a circle
      std::copy_if(packages.begin(), packages.end(), std::back_inserter(wave.packages), is_left);
    Packages before;
    for (const auto* package : wave.packages) before.insert(required[package].begin(), required[package].end());
    for (const auto* package : packages)
      if (before.contains(package) && unpacked.contains(package) && configured.insert(package).second)
        wave.configured_before.push_back(package);
    unpacked.insert(wave.packages.begin(), wave.packages.end());
    result.push_back(std::move(wave));
  }
  return result;
}

}  // namespace karapace::steps::deb
