// SPDX-License-Identifier: Apache-2.0
// PackageNames: from the word in a manifest to the package that apt would install for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>
#include <apt-pkg/pkgcache.h>

namespace karapace::resolve_deb {

/// A package of this name with a candidate, else the only provider of a virtual one. LockError (beginning with
/// `prefix`) naming the providers when there are several, or what may have been meant when there is none; `where` names
/// the repositories that were searched.
pkgCache::PkgIterator find_package(pkgDepCache& cache, const std::string& name, std::string_view prefix,
                                   std::string_view where);

/// Edits (insert, delete, replace, swap neighbours) from one word to the other; `limit + 1` when there are more.
std::size_t edit_distance(std::string_view from, std::string_view to, std::size_t limit);

/// `"git"`, `"git" or "gio"`, `"a", "b" or "c"`.
std::string alternatives(const std::vector<std::string>& names);

}  // namespace karapace::resolve_deb
