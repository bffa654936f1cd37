// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/deb/solve.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <apt-pkg/algorithms.h>
#include <apt-pkg/configuration.h>
#include <apt-pkg/packagemanager.h>
#include <apt-pkg/pkgsystem.h>
#include <apt-pkg/version.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/resolve/deb/package_names.hpp"
#include "generator/resolve/deb/session.hpp"

namespace karapace::resolve::deb {

namespace {

using Packages = std::vector<pkgCache::PkgIterator>;

/// Packages for all architectures are native to apt.
bool is_native(const pkgCache::PkgIterator& package) {
  return std::string_view(package.Arch()) == _config->Find("APT::Architecture");
}

bool needs_completion(pkgDepCache& cache, const pkgCache::PkgIterator& package) {
  return cache[package].InstBroken() || cache[package].InstPolicyBroken();
}

/// What a base has although something that it needs is missing: it stays, and gets that.
Packages broken_installed(pkgDepCache& cache) {
  Packages packages;
  if (cache.BrokenCount() == 0) return packages;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (package->CurrentVer != 0 && cache[package].InstBroken()) packages.push_back(package);
  }
  return packages;
}

bool mark_and_resolve(pkgDepCache& cache, Packages wanted) {
  const auto broken = broken_installed(cache);
  wanted.insert(wanted.end(), broken.begin(), broken.end());
  pkgDepCache::ActionGroup group(cache);
  pkgProblemResolver resolver(&cache);
  for (const auto& package : wanted) {
    resolver.Clear(package);
    resolver.Protect(package);
    cache.MarkInstall(package, false);
  }
  // In the order of the request, as apt-get does: what one package brings decides between alternatives of the next.
  for (const auto& package : wanted) {
    if (needs_completion(cache, package)) cache.MarkInstall(package, true);
  }
  resolver.Resolve(true);
  return cache.BrokenCount() == 0;
}

/// True when an installed or marked version needs `package` in a way that counts.
bool still_needed(pkgDepCache& cache, const pkgCache::PkgIterator& package) {
  for (auto dependency = package.RevDependsList(); !dependency.end(); ++dependency) {
    if (dependency.IsNegative() || !cache.IsImportantDep(dependency)) continue;
    if (cache[dependency.ParentPkg()].InstallVer == dependency.ParentVer()) return true;
  }
  return false;
}

/// The package itself, and the names it provides: by any of them it may be needed.
Packages names_of(pkgDepCache& cache, const pkgCache::PkgIterator& package) {
  Packages names{package};
  const auto candidate = cache[package].CandidateVerIter(cache);
  if (candidate.end()) return names;
  for (auto provides = candidate.ProvidesList(); !provides.end(); ++provides) names.push_back(provides.ParentPkg());
  return names;
}

/// Something that was dropped may be needed by another one that was kept: such packages come back, until none does.
void bring_back_needed(pkgDepCache& cache, std::set<pkgCache::PkgIterator> dropped) {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = dropped.begin(); it != dropped.end();) {
      const auto names = names_of(cache, *it);
      if (std::none_of(names.begin(), names.end(), [&](const auto& name) { return still_needed(cache, name); })) {
        ++it;
        continue;
      }
      cache.MarkInstall(*it, false, 0, false);
      it = dropped.erase(it);
      changed = true;
    }
  }
}

/// Solving marks packages on ways that it leaves again: what is new and garbage at the end goes.
void drop_new_garbage(pkgDepCache& cache) {
  cache.MarkAndSweep();
  pkgDepCache::ActionGroup group(cache);
  std::set<pkgCache::PkgIterator> dropped;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (!cache[package].Garbage || !cache[package].Install() || package->CurrentVer != 0) continue;
    cache.MarkDelete(package, false);
    dropped.insert(package);
  }
  if (cache.BrokenCount() != 0 || cache.PolicyBrokenCount() != 0) bring_back_needed(cache, std::move(dropped));
}

/// Apt's package manager that only writes down when it would configure what.
class OrderRecorder : public pkgPackageManager {
 public:
  explicit OrderRecorder(pkgDepCache* cache) : pkgPackageManager(cache) {
    // Files without a name count as not downloaded, and are left out.
    std::fill_n(&FileNames[0], cache->Head().PackageCount, std::string("present"));
  }
  std::vector<pkgCache::PkgIterator> configured;

 protected:
  bool Install(pkgCache::PkgIterator, std::string) override { return true; }
  bool Configure(pkgCache::PkgIterator package) override {
    configured.push_back(package);
    return true;
  }
  bool Remove(pkgCache::PkgIterator, bool) override { return true; }
  bool Go(APT::Progress::PackageManager*) override { return true; }
};

/// Unpacked only, half configured, or with triggers to come: dpkg(1), package states.
bool is_unfinished(const pkgCache::PkgIterator& package) {
  return package->CurrentVer != 0 && package.State() != pkgCache::PkgIterator::NeedsNothing;
}

using lock::LockedPackage;
using resolve::Upgrade;

bool stays(const resolve::Upgrade& upgrade, const std::string& name, const std::string& full_name) {
  switch (upgrade.scope) {
    case resolve::Upgrade::Scope::none: return true;
    case resolve::Upgrade::Scope::everything: return false;
    case resolve::Upgrade::Scope::named: break;
  }
  return std::none_of(upgrade.names.begin(), upgrade.names.end(),
                      [&](const std::string& wanted) { return wanted == name || wanted == full_name; });
}

bool is_older_than_installed(const pkgCache::VerIterator& version) {
  const auto installed = version.ParentPkg().CurrentVer();
  return !installed.end() && _system->VS->CmpVersion(version.VerStr(), installed.VerStr()) < 0;
}

/// What apt calls it, too: "libc6", "libc6:i386".
std::string full_name(const std::string& name, const std::string& architecture) {
  const bool is_own =
      architecture.empty() || architecture == "all" || architecture == _config->Find("APT::Architecture");
  return is_own ? name : name + ":" + architecture;
}

std::string full_name(const lock::LockedPackage& package) { return full_name(package.name, package.architecture); }

/// The same version in the same bytes, or the end iterator.
pkgCache::VerIterator same_version(pkgCache::PkgIterator package, PackageIndex& index,
                                   const lock::LockedPackage& kept) {
  auto version = package.VersionList();
  for (; !version.end(); ++version) {
    if (kept.version != version.VerStr() || kept.architecture != version.Arch()) continue;
    if (index.available(version) && index.locked(version).sha256 == kept.sha256) break;
  }
  return version;
}

}  // namespace

bool solve(pkgDepCache& cache, const Packages& wanted) {
  if (!mark_and_resolve(cache, wanted)) return false;
  drop_new_garbage(cache);
  const auto present = [&](const auto& package) { return cache[package].InstallVer != nullptr; };
  return cache.BrokenCount() == 0 && std::all_of(wanted.begin(), wanted.end(), present);
}

Packages bootstrap_set(pkgDepCache& cache, PackageIndex& index) {
  Packages packages;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    const auto candidate = cache[package].CandidateVerIter(cache);
    if (candidate.end() || !is_native(package)) continue;
    if (std::string_view(package.Name()) == "apt" || index.essential(package, candidate)) packages.push_back(package);
  }
  std::sort(packages.begin(), packages.end(), [](const auto& one, const auto& other) {
    return std::string_view(one.Name()) < std::string_view(other.Name());
  });
  return packages;
}

std::vector<std::string> removals(pkgDepCache& cache) {
  std::vector<std::string> names;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (cache[package].Delete() && package->CurrentVer != 0) names.emplace_back(package.FullName(true));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<pkgCache::VerIterator> install_order(pkgDepCache& cache, const PackageIndex& index) {
  OrderRecorder recorder(&cache);
  if (recorder.DoInstallPreFork() != pkgPackageManager::Completed) {
    throw LockError("lock: apt finds no order to install the packages in: " + take_apt_messages());
  }
  std::vector<pkgCache::VerIterator> order;
  std::size_t installed = 0;
  for (const auto& package : recorder.configured) {
    const auto version = cache[package].InstVerIter(cache);
    if (cache[package].Install()) ++installed;
    if (cache[package].Install() || (is_unfinished(package) && index.available(version))) order.push_back(version);
  }
  if (installed != cache.InstCount()) {
    throw LockError(
        fmt::format("lock: apt orders {} of {} packages: {}", installed, cache.InstCount(), take_apt_messages()));
  }
  return order;
}

Keep::Keep(const resolve::ResolveRequest& request, Stage stage)
    : held_words_(request.hold), upgrade_(request.upgrade), prefix_(message_prefix(request)) {
  for (const auto& word : request.hold) {
    const auto held = manifest::package_request(word.text);
    hold_.push_back(full_name(held.name, held.architecture));
  }
  std::sort(hold_.begin(), hold_.end());
  for (const auto& package : request.keep) {
    const auto name = full_name(package);
    if (!is_held(name) && !stays(upgrade_, package.name, name)) continue;
    // A base package and its upgrade on top are both in the lock there was, in this order.
    const auto [entry, fresh] = packages_.try_emplace(name, Kept{.package = package});
    if (!fresh && stage == Stage::on_top) entry->second.package = package;
  }
}

bool Keep::is_held(std::string_view name) const { return std::binary_search(hold_.begin(), hold_.end(), name); }

std::vector<pkgCache::PkgIterator> Keep::held(pkgDepCache& cache) const {
  std::vector<pkgCache::PkgIterator> packages;
  for (const auto& name : hold_) {
    const auto package = cache.FindPkg(name);
    if (!package.end() && (package->CurrentVer != 0 || packages_.contains(name))) packages.push_back(package);
  }
  return packages;
}

void Keep::require_held(const std::string& name, const Kept& kept) const {
  if (!is_held(name)) return;
  throw LockError(fmt::format(
      "{}the package \"{}\" is held at {}, which the archive no longer has; take it from system.hold, or name "
      "a mirror that has it",
      prefix_, name, kept.package.version));
}

void Keep::apply(pkgDepCache& cache, PackageIndex& index, Policy& policy) {
  pkgDepCache::ActionGroup group(cache);
  for (auto& [name, kept] : packages_) {
    const auto package = cache.FindPkg(name);
    const auto version = package.end() ? pkgCache::VerIterator() : version_of(package, index);
    if (version.end()) {
      require_held(name, kept);
      kept.gone = !kept.released && index.has_repository(kept.package.repository);
    } else if (is_held(name) || (!policy.gives_way(version, cache[package].CandidateVerIter(cache)) &&
                                 !is_older_than_installed(version))) {
      cache.SetCandidateVersion(version);
    }
  }
  for (const auto& package : held(cache)) {
    if (package->CurrentVer != 0) cache.SetCandidateVersion(package.CurrentVer());
  }
}

void Keep::require_known(pkgDepCache& cache, std::string_view where) const {
  for (const auto& [word, place] : held_words_) {
    const auto held = manifest::package_request(word);
    // An architecture that nothing else asks for has no index here.
    const auto group = cache.FindGrp(held.name);
    const auto name = full_name(held.name, held.architecture);
    bool found = packages_.contains(name);
    std::vector<std::string> providers;
    for (auto package = group.end() ? pkgCache::PkgIterator() : group.PackageList(); !package.end();
         package = group.NextPkg(package)) {
      found = found || package->VersionList != 0;
      std::ranges::move(providers_of(cache, package), std::back_inserter(providers));
    }
    if (found) continue;
    const auto prefix =
        fmt::format("{}held package \"{}\" is ", place.text.empty() ? prefix_ : place.text + ": ", word);
    if (!providers.empty())
      throw ManifestError(
          fmt::format("{}virtual; hold one of those that provide it: {}", prefix, alternatives(providers)));
    const auto near = similar_names(cache, held.name);
    throw ManifestError(
        fmt::format("{}neither in the lock nor in {}; {}", prefix, where,
                    near.empty() ? "correct the name, or leave it out" : "did you mean " + alternatives(near) + "?"));
  }
}

pkgCache::VerIterator Keep::version_of(const pkgCache::PkgIterator& package, PackageIndex& index) const {
  const auto found = packages_.find(package.FullName(true));
  if (found == packages_.end() || found->second.released) return pkgCache::VerIterator();
  return same_version(package, index, found->second.package);
}

void Keep::forget(std::string_view name) {
  if (const auto found = packages_.find(name); found != packages_.end()) packages_.erase(found);
}

bool Keep::release(std::string_view name) {
  const auto found = packages_.find(name);
  if (found == packages_.end() || found->second.released || is_held(name)) return false;
  found->second.released = true;
  return true;
}

bool Keep::release_broken(pkgDepCache& cache) {
  bool released = false;
  for (auto package = cache.PkgBegin(); !package.end(); ++package) {
    if (!cache[package].InstBroken()) continue;
    released = release(package.FullName(true)) || released;
    const auto version = cache[package].InstVerIter(cache);
    if (version.end()) continue;
    for (auto dependency = version.DependsList(); !dependency.end(); ++dependency) {
      if ((cache[dependency] & pkgDepCache::DepInstall) == pkgDepCache::DepInstall) continue;
      released = release(dependency.TargetPkg().FullName(true)) || released;
    }
  }
  if (released) return true;
  // Nothing near the broken ones is kept: the reason lies deeper, so everything moves.
  for (const auto& [name, kept] : packages_) released = release(name) || released;
  return released;
}

std::vector<std::string> Keep::notes(const std::vector<lock::LockedPackage>& chosen) const {
  std::vector<std::string> notes;
  for (const auto& package : chosen) {
    const auto name = full_name(package);
    const auto found = packages_.find(name);
    if (found != packages_.end() && is_held(name) && !stays(upgrade_, package.name, name))
      notes.push_back(fmt::format("{} is held and stays at {} (system.hold)", name, package.version));
    if (found == packages_.end() || found->second.package.sha256 == package.sha256) continue;
    const auto& [kept, released, gone] = found->second;
    if (released) {
      notes.push_back(
          fmt::format("{} {} could not stay with the other packages: {}", name, kept.version, package.version));
    } else if (gone) {
      notes.push_back(
          fmt::format("{} {} is no longer in {}: {}", name, kept.version, kept.repository, package.version));
    }
  }
  std::sort(notes.begin(), notes.end());
  return notes;
}

}  // namespace karapace::resolve::deb
