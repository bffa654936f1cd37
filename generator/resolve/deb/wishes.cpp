// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/wishes.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <set>
#include <utility>

#include <apt-pkg/versionmatch.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/resolve/deb/package_names.hpp"

namespace karapace::resolve::deb {

namespace {

using manifest::PackageRequest;
using Changes = std::list<std::pair<pkgCache::VerIterator, pkgCache::VerIterator>>;

bool fits(const pkgCache::VerIterator& version, const PackageIndex& index, const PackageRequest& request) {
  if (!index.available(version)) return false;
  if (!request.suite.empty()) return !index.file_of(version, request.suite).end();
  return pkgVersionMatch(request.version, pkgVersionMatch::Version).VersionMatches(version);
}

/// The release as apt names it: by what it calls itself. Suites of one release may share a codename.
std::string release_text(const pkgCache::PkgFileIterator& file) {
  std::string text = fmt::format("a={}", file.Archive() == nullptr ? "" : file.Archive());
  if (file.Codename() != nullptr) text += fmt::format(",n={}", file.Codename());
  return text;
}

std::string asked_text(const PackageRequest& request) {
  return request.qualified_name() + (request.suite.empty() ? "=" + request.version : "/" + request.suite);
}

using Candidates = std::map<map_id_t, pkgCache::VerIterator>;  // by the id of the package

Candidates candidates_of(pkgDepCache& cache) {
  Candidates candidates;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    const auto candidate = cache[package].CandidateVerIter(cache);
    if (!candidate.end()) candidates.emplace(package->ID, candidate);
  }
  return candidates;
}

}  // namespace

std::vector<std::string> remedies(pkgDepCache& cache, const PackageIndex& index, Policy& policy) {
  std::set<std::string> words;
  const auto add = [&](const pkgCache::DepIterator& dependency) {
    for (auto version = dependency.TargetPkg().VersionList(); !version.end(); ++version) {
      if (!index.available(version) || !dependency.IsSatisfied(version)) continue;
      // Not the cache's: solving gives candidates up, each release of the library in its own way.
      if (policy.GetCandidateVer(dependency.TargetPkg()) == version) return;
      words.insert(fmt::format("{}/{}", dependency.TargetPkg().FullName(true), index.suites_of(version).front()));
      return;
    }
  };
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    const auto version = cache[package].InstVerIter(cache);
    if (!cache[package].InstBroken() || version.end()) continue;
    for (auto dependency = version.DependsList(); !dependency.end(); ++dependency) {
      const bool is_met = (cache[dependency] & pkgDepCache::DepGInstall) == pkgDepCache::DepGInstall;
      if (!is_met && dependency.IsCritical() && !dependency.IsNegative()) add(dependency);
    }
  }
  return {words.begin(), words.end()};
}

AskedVersions::AskedVersions(const resolve::ResolveRequest& request, std::string_view prefix, std::string_view where)
    : prefix_(prefix), where_(where) {
  for (const auto& word : request.packages) {
    auto asked = manifest::package_request(word);
    if (asked.architecture == request.architecture) asked.architecture.clear();
    if (asked.takes_any()) continue;
    const auto name = asked.qualified_name();
    if (std::ranges::find(requests_, name, &PackageRequest::qualified_name) != requests_.end())
      throw LockError(fmt::format("{}two entries of system.packages ask for versions of \"{}\": leave one of them out",
                                  prefix, name));
    requests_.push_back(std::move(asked));
  }
}

void AskedVersions::apply(pkgDepCache& cache, PackageIndex& index, Keep& keep, Stage stage) const {
  pkgDepCache::ActionGroup group(cache);
  std::vector<pkgCache::VerIterator> chosen;
  for (const auto& request : requests_) chosen.push_back(choose(cache, index, keep, request));
  for (const auto& version : chosen) cache.SetCandidateVersion(version);
  const auto before = candidates_of(cache);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    // What only the packages on top need is no reason for another base.
    const bool matters = stage == Stage::on_top || index.essential(chosen[i].ParentPkg(), chosen[i]);
    if (requests_[i].suite.empty() || !matters) continue;
    const pkgCache::VerIterator none(cache);
    Changes changes{{chosen[i], none}};  // apt wants to find the first one there
    cache.SetCandidateRelease(chosen[i], release_text(index.file_of(chosen[i], requests_[i].suite)), changes);
    for (auto changed = std::next(changes.begin()); changed != changes.end(); ++changed) {
      const auto package = changed->first.ParentPkg();
      const auto other = before.find(package->ID);
      if (other != before.end() && stays(package, keep)) {
        cache.SetCandidateVersion(other->second);
        continue;
      }
      const auto kept = keep.version_of(package, index);
      if (!kept.end() && !index.file_of(kept, requests_[i].suite).end()) {
        cache.SetCandidateVersion(kept);
      } else {
        keep.release(package.FullName(true));
      }
    }
  }
}

/// What another request or `hold` names does not follow somebody else's suite. Where it must, solving says so.
bool AskedVersions::stays(const pkgCache::PkgIterator& package, const Keep& keep) const {
  const auto name = package.FullName(true);
  return keep.is_held(name) || std::ranges::find(requests_, name, &PackageRequest::qualified_name) != requests_.end();
}

void AskedVersions::require(pkgDepCache& cache, PackageIndex& index, const Keep& keep) const {
  for (const auto& request : requests_) {
    const auto package = cache.FindPkg(request.qualified_name());
    const auto version = package.end() ? pkgCache::VerIterator() : cache[package].InstVerIter(cache);
    if (version.end() || fits(version, index, request)) continue;
    throw LockError(
        fmt::format("{}\"{}\" does not go together with the other packages, which need version {}; ask for versions "
                    "or suites that fit each other",
                    prefix_, asked_text(request), version.VerStr()));
  }
  for (const auto& package : keep.held(cache)) {
    const auto kept = keep.version_of(package, index);
    const auto version = cache[package].InstVerIter(cache);
    if (kept.end() || version.end() || kept == version) continue;
    throw LockError(
        fmt::format("{}the package \"{}\" is held at {}, and the others need version {}; take it from system.hold, or "
                    "leave out what needs that",
                    prefix_, package.FullName(true), kept.VerStr(), version.VerStr()));
  }
}

pkgCache::VerIterator AskedVersions::choose(pkgDepCache& cache, PackageIndex& index, Keep& keep,
                                            const PackageRequest& request) const {
  const auto package = cache.FindPkg(request.qualified_name());
  if (package.end()) refuse(cache, index, request);
  const auto kept = keep.version_of(package, index);
  if (!kept.end() && fits(kept, index, request)) return kept;
  if (!kept.end() && keep.is_held(package.FullName(true))) {
    throw LockError(
        fmt::format("{}the package \"{}\" is held at {}, and system.packages asks for another one; take it "
                    "from system.hold",
                    prefix_, request.qualified_name(), kept.VerStr()));
  }
  keep.forget(package.FullName(true));
  auto version = package.VersionList();  // the newest first
  while (!version.end() && !fits(version, index, request)) ++version;
  if (version.end()) refuse(cache, index, request);
  return version;
}

void AskedVersions::refuse(pkgDepCache& cache, const PackageIndex& index, const PackageRequest& request) const {
  const auto name = request.qualified_name();
  const auto package = find_package(cache, name, prefix_, where_);
  if (package != cache.FindPkg(name)) {
    throw LockError(fmt::format("{}the package \"{}\" is virtual and has no versions; did you mean \"{}\"?", prefix_,
                                name, package.FullName(true)));
  }
  std::vector<std::string> words;
  for (auto version = package.VersionList(); !version.end(); ++version) {
    if (!index.available(version)) continue;
    const auto there = request.suite.empty() ? std::vector<std::string>{version.VerStr()} : index.suites_of(version);
    for (const auto& one : there) words.push_back(fmt::format("{}{}{}", name, request.suite.empty() ? '=' : '/', one));
  }
  const auto problem = request.suite.empty() ? fmt::format("has no version {} in {}", request.version, where_)
                                             : fmt::format("is not in {}", request.suite);
  throw LockError(
      fmt::format("{}the package \"{}\" {}; did you mean {}?", prefix_, name, problem, alternatives(words)));
}

}  // namespace karapace::resolve::deb
