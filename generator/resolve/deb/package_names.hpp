// SPDX-License-Identifier: Apache-2.0
// PackageNames: from the word in a manifest to the package that apt would install for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>
#include <apt-pkg/pkgcache.h>

namespace karapace::resolve::deb {

/// A package of this name with a candidate, else the only provider of a virtual one. LockError (beginning with
/// `prefix`) naming the providers when there are several, or what may have been meant when there is none; `where` names
/// the repositories that were searched.
pkgCache::PkgIterator find_package(pkgDepCache& cache, const std::string& name, std::string_view prefix,
                                   std::string_view where);

/// Names of packages of the same architecture whose candidate provides this virtual one, sorted.
std::vector<std::string> providers_of(pkgDepCache& cache, const pkgCache::PkgIterator& package);

/// Names of packages that somebody may have meant who wrote this one, the nearest first.
std::vector<std::string> similar_names(pkgDepCache& cache, const std::string& name);

/// `"git"`, `"git" or "gio"`, `"a", "b" or "c"`.
std::string alternatives(const std::vector<std::string>& names);
/// The same with "and".
std::string enumeration(const std::vector<std::string>& names);

// Explain: why a set of packages cannot be installed, in apt's terms.

/// One line for each dependency that the present marks leave unmet:
///
///   git depends on libpcre2-8-0 (>= 10.34), but it is not in these repositories
///   a conflicts with b, but b 1.0 is to be installed
///
/// indented by two spaces, sorted.
std::string unmet_dependencies(pkgDepCache& cache);

}  // namespace karapace::resolve::deb
