// SPDX-License-Identifier: Apache-2.0
// Solve: apt's own choice of packages for a request.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>
#include <apt-pkg/pkgcache.h>

#include "generator/resolve/deb/package_index.hpp"
#include "generator/resolve/deb/preferences.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

/// Marks in `cache` what apt-get would install for `wanted`: each is protected and marked, then its dependencies and
/// those that the installed packages lack, then apt's problem resolver runs, then new packages that nothing needs any
/// more are dropped.
/// False when packages stay broken; the cache keeps its marks for `unmet_dependencies`.
bool solve(pkgDepCache& cache, const std::vector<pkgCache::PkgIterator>& wanted);

/// What every system has: the distribution's Essential packages, those of priority required, and apt, all of the
/// system's own architecture. Sorted by name.
std::vector<pkgCache::PkgIterator> bootstrap_set(pkgDepCache& cache, PackageIndex& index);

/// Names of installed packages that the marks would remove, sorted.
std::vector<std::string> removals(pkgDepCache& cache);

/// The versions that the marks install or upgrade, and those of the archive that a base left unfinished, in the order
/// in which apt would configure them: a package comes after what it pre-depends and depends on, as far as there is no
/// cycle. LockError when apt finds no order.
std::vector<pkgCache::VerIterator> install_order(pkgDepCache& cache, const PackageIndex& index);

/// What is resolved: the bootstrapped base, or what stands on top of a base.
enum class Stage { base, on_top };

/// Keep: a new lock changes as little as possible. Versions of the lock there was stay the candidates as long as the
/// archive still has exactly them. Held packages, of that lock or installed, never become others, nor go. Names are
/// those that apt uses, too: "libc6", "libc6:i386".
class Keep {
 public:
  /// The versions that `request.upgrade` lets stay, and those of held packages. Of a package of the base with an
  /// upgrade on top, each stage has its own.
  Keep(const resolve::ResolveRequest& request, Stage stage);

  /// Makes the kept versions candidates, but for the released names and those that give way by the policy. LockError
  /// when that of a held package is gone.
  void apply(pkgDepCache& cache, PackageIndex& index, Policy& policy);
  /// ManifestError, with the nearest names, when `hold` names a package that nobody has.
  void require_known(pkgDepCache& cache, std::string_view where) const;
  bool is_held(std::string_view name) const;
  /// Those of the lock there was, and those that are installed.
  std::vector<pkgCache::PkgIterator> held(pkgDepCache& cache) const;
  /// The kept version of this package, or the end iterator: it may be released, or no longer be there.
  pkgCache::VerIterator version_of(const pkgCache::PkgIterator& package, PackageIndex& index) const;
  /// It may become another one; the notes say so. False when it was not kept (any more), or is held.
  bool release(std::string_view name);
  /// It becomes another one, as somebody wished.
  void forget(std::string_view name);
  /// Gives up keeping the packages that the broken dependencies of the present marks are about. False when there is
  /// nothing more to give up.
  bool release_broken(pkgDepCache& cache);
  /// One note for each kept package that `chosen` has in another version, and for each that an upgrade named and hold
  /// kept, sorted.
  std::vector<std::string> notes(const std::vector<lock::LockedPackage>& chosen) const;

 private:
  struct Kept {
    lock::LockedPackage package;
    bool released = false;
    bool gone = false;  // from the repository that it came from
  };

  void require_held(const std::string& name, const Kept& kept) const;

  std::map<std::string, Kept, std::less<>> packages_;  // by what apt calls them: "libc6", "libc6:i386"
  std::vector<std::string> hold_;                      // these names, too; sorted
  std::vector<manifest::PlacedWord> held_words_;       // the same in the manifest
  resolve::Upgrade upgrade_;
  std::string prefix_;
};

}  // namespace karapace::resolve::deb
