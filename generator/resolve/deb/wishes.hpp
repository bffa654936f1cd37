// SPDX-License-Identifier: Apache-2.0
// Wishes: what a manifest says of versions, beyond the names of packages. It decides which version of a package is the
// candidate, by apt's own means (apt_preferences(5), apt-get(8)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>

#include "generator/manifest/package_request.hpp"
#include "generator/resolve/deb/package_index.hpp"
#include "generator/resolve/deb/solve.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

/// What packages whose dependencies the present marks leave unmet could have from suites and repositories that they may
/// not be taken from, as system.packages would ask for it: "golang-src/bookworm-backports". Sorted.
std::vector<std::string> remedies(pkgDepCache& cache, const PackageIndex& index, Policy& policy);

/// The requests that say more than a name: "git=1:2.39*", "cmake/bookworm-backports". What they mean becomes the
/// candidate: for a suite, also what its package depends on comes from there, but only where no other candidate would
/// do.
class AskedVersions {
 public:
  /// `prefix` and `where` are of messages, as for `find_package`.
  AskedVersions(const resolve::ResolveRequest& request, std::string_view prefix, std::string_view where);

  /// Of versions that fit, a kept one is taken before a newer one; what else was kept gives way. LockError, with what
  /// the archive has instead, when no version fits.
  void apply(pkgDepCache& cache, PackageIndex& index, Keep& keep, Stage stage) const;

  /// LockError when another version was chosen than a request or `hold` names: apt has its own ways to another
  /// candidate.
  void require(pkgDepCache& cache, PackageIndex& index, const Keep& keep) const;

 private:
  bool stays(const pkgCache::PkgIterator& package, const Keep& keep) const;
  pkgCache::VerIterator choose(pkgDepCache& cache, PackageIndex& index, Keep& keep,
                               const manifest::PackageRequest& request) const;
  [[noreturn]] void refuse(pkgDepCache& cache, const PackageIndex& index,
                           const manifest::PackageRequest& request) const;

  std::vector<manifest::PackageRequest> requests_;
  std::string prefix_;
  std::string where_;
};

}  // namespace karapace::resolve::deb
