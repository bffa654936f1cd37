// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/keep.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace karapace::resolve_deb {
namespace {

using generator::LockedPackage;
using generator::Upgrade;

bool stays(const Upgrade& upgrade, const std::string& name) {
  switch (upgrade.scope) {
    case Upgrade::Scope::none: return true;
    case Upgrade::Scope::everything: return false;
    case Upgrade::Scope::named: break;
  }
  return std::find(upgrade.names.begin(), upgrade.names.end(), name) == upgrade.names.end();
}

/// The same version in the same bytes, or the end iterator.
pkgCache::VerIterator same_version(pkgCache::PkgIterator package, PackageIndex& index, const LockedPackage& kept) {
  auto version = package.VersionList();
  for (; !version.end(); ++version) {
    if (kept.version != version.VerStr() || kept.architecture != version.Arch()) continue;
    if (index.available(version) && index.locked(version).sha256 == kept.sha256) break;
  }
  return version;
}

}  // namespace

Keep::Keep(const generator::ResolveRequest& request) {
  for (const auto& package : request.keep) {
    // Later entries win: a base package and its upgrade on top are both in the lock there was.
    if (stays(request.upgrade, package.name)) packages_.insert_or_assign(package.name, Kept{.package = package});
  }
}

void Keep::apply(pkgDepCache& cache, PackageIndex& index) const {
  pkgDepCache::ActionGroup group(cache);
  for (const auto& [name, kept] : packages_) {
    if (kept.released) continue;
    const auto package = cache.FindPkg(name);
    if (package.end()) continue;
    const auto version = same_version(package, index, kept.package);
    if (!version.end()) cache.SetCandidateVersion(version);
  }
}

bool Keep::release(const char* name) {
  const auto found = packages_.find(std::string_view(name));
  if (found == packages_.end() || found->second.released) return false;
  found->second.released = true;
  return true;
}

bool Keep::release_broken(pkgDepCache& cache) {
  bool released = false;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (!cache[package].InstBroken()) continue;
    released = release(package.Name()) || released;
    const auto version = cache[package].InstVerIter(cache);
    if (version.end()) continue;
    for (auto dependency = version.DependsList(); !dependency.end(); ++dependency) {
      if ((cache[dependency] & pkgDepCache::DepInstall) == pkgDepCache::DepInstall) continue;
      released = release(dependency.TargetPkg().Name()) || released;
    }
  }
  if (released) return true;
  // Nothing near the broken ones is kept: the reason lies deeper, so everything moves.
  for (auto& [name, kept] : packages_) released = release(name.c_str()) || released;
  return released;
}

std::vector<std::string> Keep::notes(const std::vector<LockedPackage>& chosen, std::string_view where) const {
  std::vector<std::string> notes;
  for (const auto& package : chosen) {
    const auto found = packages_.find(package.name);
    if (found == packages_.end() || found->second.package.sha256 == package.sha256) continue;
    const auto& [kept, released] = found->second;
    notes.push_back(released ? fmt::format("{} {} could not stay with the other packages: {}", kept.name, kept.version,
                                           package.version)
                             : fmt::format("{} {} is no longer in {}: {}", kept.name, kept.version, where,
                                           package.version));
  }
  std::sort(notes.begin(), notes.end());
  return notes;
}

}  // namespace karapace::resolve_deb
