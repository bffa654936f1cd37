// SPDX-License-Identifier: Apache-2.0
// Solve: apt's own choice of packages for a request.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>
#include <apt-pkg/pkgcache.h>

namespace karapace::resolve_deb {

/// Marks in `cache` what apt-get would install for `wanted`: each is protected and marked, then its dependencies,
/// then apt's problem resolver runs, then new packages that nothing needs any more are dropped.
/// False when packages stay broken; the cache keeps its marks for `unmet_dependencies`.
bool solve(pkgDepCache& cache, const std::vector<pkgCache::PkgIterator>& wanted);

/// What every system has: Essential packages, those of priority required, and apt. Sorted by name.
std::vector<pkgCache::PkgIterator> bootstrap_set(pkgDepCache& cache);

/// Names of installed packages that the marks would remove, sorted.
std::vector<std::string> removals(pkgDepCache& cache);

/// The versions that the marks install or upgrade, in the order in which apt would configure them: a package comes
/// after what it pre-depends and depends on, as far as there is no cycle. LockError when apt finds no order.
std::vector<pkgCache::VerIterator> install_order(pkgDepCache& cache);

}  // namespace karapace::resolve_deb
