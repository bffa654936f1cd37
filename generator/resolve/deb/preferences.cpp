// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/preferences.hpp"

#include <algorithm>
#include <set>

#include <apt-pkg/pkgsystem.h>
#include <apt-pkg/version.h>
#include <apt-pkg/versionmatch.h>
#include <fmt/format.h>
#include <fnmatch.h>

#include "base/error.hpp"
#include "generator/resolve/deb/package_names.hpp"

namespace karapace::resolve::deb {

namespace {

constexpr short as_target_release = 990;
constexpr short lowest_preferred = 501;
constexpr short automatic_upgrades_only = 100;

using manifest::Preference;

bool is_about(const Preference& preference, const pkgCache::PkgIterator& package) {
  if (!preference.architecture.empty() && preference.architecture != package.Arch()) return false;
  return preference.pattern.empty() || fnmatch(preference.pattern.c_str(), package.Name(), 0) == 0;
}

/// Of a package that the preference is about.
bool has_what_is_preferred(const Preference& preference, const pkgCache::VerIterator& version,
                           const PackageIndex& index) {
  if (!preference.source.empty()) return !index.file_of(version, preference.source).end();
  const bool is_there = index.available(version) || version.ParentPkg().CurrentVer() == version;
  return is_there && pkgVersionMatch(preference.version, pkgVersionMatch::Version).VersionMatches(version);
}

bool fits(const Preference& preference, const pkgCache::VerIterator& version, const PackageIndex& index) {
  return is_about(preference, version.ParentPkg()) && has_what_is_preferred(preference, version, index);
}

bool is_older(const pkgCache::VerIterator& version, const pkgCache::VerIterator& other) {
  return _system->VS->CmpVersion(version.VerStr(), other.VerStr()) < 0;
}

template <class Visit>
void for_each_version(pkgDepCache& cache, const Preference& preference, const Visit& visit) {
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (!is_about(preference, package)) continue;
    for (auto version = package.VersionList(); !version.end(); ++version) visit(version);
  }
}

}  // namespace

Preferences::Preferences(const resolve::ResolveRequest& request, std::string_view prefix, std::string_view where)
    : where_(where) {
  for (const auto& [word, place] : request.prefer) {
    const auto begin = place.text.empty() ? std::string(prefix) : place.text + ": ";
    auto wanted = manifest::preference(word);
    all_.push_back({std::move(wanted), word, fmt::format("{}preference \"{}\": ", begin, word)});
  }
}

std::optional<short> Preferences::priority(const pkgCache::VerIterator& version, const PackageIndex& index) const {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (!fits(all_[i].wanted, version, index)) continue;
    const auto below = static_cast<short>(std::min<std::size_t>(i, as_target_release - lowest_preferred));
    return static_cast<short>(as_target_release - below);
  }
  return std::nullopt;
}

void Preferences::require(pkgDepCache& cache, const PackageIndex& index) const {
  for (const auto& preference : all_)
    if (!preference.wanted.pattern.empty()) require(cache, index, preference);
}

void Preferences::require(pkgDepCache& cache, const PackageIndex& index, const Placed& preference) const {
  bool found = false;
  bool usable = false;
  pkgCache::VerIterator newer;
  for_each_version(cache, preference.wanted, [&](const pkgCache::VerIterator& version) {
    if (!has_what_is_preferred(preference.wanted, version, index)) return;
    found = true;
    const auto installed = version.ParentPkg().CurrentVer();
    if (installed.end() || !is_older(version, installed))
      usable = true;
    else
      newer = installed;
  });
  if (!found) refuse(cache, index, preference);
  if (usable || !preference.wanted.names_package()) return;
  throw ManifestError(
      fmt::format("{}the base has {} {}, which is newer, and preferences do not move the base; name the version in "
                  "system.packages",
                  preference.message, newer.ParentPkg().FullName(true), newer.VerStr()));
}

void Preferences::refuse(pkgDepCache& cache, const PackageIndex& index, const Placed& preference) const {
  const auto& [pattern, architecture, version, source] = preference.wanted;
  std::set<std::string> packages;
  std::vector<std::string> words;  // what would fit the first of them
  for_each_version(cache, preference.wanted, [&](const pkgCache::VerIterator& there) {
    if (!index.available(there)) return;
    packages.insert(there.ParentPkg().Name());
    if (packages.size() > 1) return;
    const auto all = source.empty() ? std::vector<std::string>{there.VerStr()} : index.suites_of(there);
    for (const auto& one : all) {
      auto word = fmt::format("{}{}{}", there.ParentPkg().Name(), source.empty() ? '=' : '/', one);
      if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
    }
  });
  if (packages.empty()) {
    const auto near = preference.wanted.names_package() ? similar_names(cache, pattern) : std::vector<std::string>();
    throw ManifestError(
        fmt::format("{}{} in {}; {}", preference.message,
                    preference.wanted.names_package() ? "the package is not" : "no package has such a name", where_,
                    near.empty() ? "correct the name, or leave it out" : "did you mean " + alternatives(near) + "?"));
  }
  if (packages.size() == 1) {
    const auto problem = source.empty() ? fmt::format("has no such version in {}", where_) : "is not in " + source;
    throw ManifestError(fmt::format("{}the package \"{}\" {}; did you mean {}?", preference.message, *packages.begin(),
                                    problem, alternatives(words)));
  }
  const auto thing = source.empty() ? fmt::format("has such a version in {}", where_) : "is in " + source;
  throw ManifestError(fmt::format("{}none of the {} packages with such names {}; correct it, or leave it out",
                                  preference.message, packages.size(), thing));
}

Policy::Policy(pkgCache& cache, const PackageIndex& index, Preferences preferences)
    : pkgPolicy(&cache), index_(index), preferences_(std::move(preferences)) {
  for (auto file = cache.FileBegin(); !file.end(); ++file) {
    const auto* owner = index.owner_of(file);
    if (owner == nullptr || owner->role != Role::asked) continue;
    if (GetPriority(file) > automatic_upgrades_only) SetPriority(file, automatic_upgrades_only);
  }
}

signed short Policy::GetPriority(const pkgCache::VerIterator& version, bool consider_files) {
  if (!preferences_.empty())
    if (const auto preferred = preferences_.priority(version, index_)) return *preferred;
  return pkgPolicy::GetPriority(version, consider_files);
}

bool Policy::gives_way(const pkgCache::VerIterator& kept, const pkgCache::VerIterator& candidate) {
  const auto before = GetPriority(kept, true);
  if (before < lowest_preferred && index_.only_if_asked(kept)) return true;
  return !candidate.end() && GetPriority(candidate, true) >= lowest_preferred && GetPriority(candidate, true) > before;
}

}  // namespace karapace::resolve::deb
