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
  Needs(const std::vector<const DebPackage*>& packages, const DpkgDatabase& database, std::string_view architecture)
      : database_(database), native_(architecture) {
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
      if (const auto* found = satisfier(group, package); found != nullptr && found != &package) result.insert(found);
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

  using Names = std::multimap<std::string, const DebPackage*, std::less<>>;  // of one name in the order that was given

  const DebPackage* satisfier(const std::vector<karapace::deb::Relation>& group, const DebPackage& asker) const {
    for (const auto& one : group) {
      auto holds = [&](const DebPackage& found) { return one.holds_for(found.version); };
      if (const auto* found = find(by_name_, one, asker, holds)) return found;
      if (is_installed(one, asker)) return nullptr;
    }
    for (const auto& one : group)
      if (const auto* found = find(by_provided_, one, asker, [](const DebPackage&) { return true; })) return found;
    return nullptr;
  }

  template <class Holds>
  const DebPackage* find(const Names& names, const karapace::deb::Relation& one, const DebPackage& asker,
                         Holds holds) const {
    auto [begin, end] = names.equal_range(one.name);
    auto found = std::find_if(begin, end, [&](const auto& entry) {
      return is_meant(entry.second->stanza, one, asker) && holds(*entry.second);
    });
    return found == end ? nullptr : found->second;
  }

  bool is_installed(const karapace::deb::Relation& one, const DebPackage& asker) const {
    const auto all = database_.all_installed(one.name);
    return std::any_of(all.begin(), all.end(), [&](const auto* stanza) {
      return is_meant(*stanza, one, asker) && one.holds_for(stanza->value("Version"));
    });
  }

  /// Packages are meant in the architecture of who asks, unless one of both says otherwise (deb-control(5),
  /// Multi-Arch).
  bool is_meant(const karapace::deb::Stanza& package, const karapace::deb::Relation& one,
                const DebPackage& asker) const {
    const auto own = own_architecture(package.value("Architecture"));
    const auto multi_arch = package.value("Multi-Arch");
    if (!one.architecture.empty() && one.architecture != "any") return own == one.architecture;
    return own == own_architecture(asker.architecture) || multi_arch == "foreign" ||
           (one.architecture == "any" && multi_arch == "allowed");
  }

  std::string_view own_architecture(std::string_view architecture) const {
    return architecture == "all" ? native_ : architecture;
  }

  const DpkgDatabase& database_;
  std::string_view native_;
  Names by_name_;
  Names by_provided_;
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

std::vector<Wave> waves(const std::vector<const DebPackage*>& packages, const DpkgDatabase& database,
                        std::string_view architecture) {
  auto required = requirements(packages, Needs(packages, database, architecture));
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
