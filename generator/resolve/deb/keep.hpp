// SPDX-License-Identifier: Apache-2.0
// Keep: a new lock changes as little as possible. Versions of the lock there was stay the candidates as long as the
// archive still has exactly them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <apt-pkg/depcache.h>

#include "generator/resolve/deb/package_index.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve_deb {

class Keep {
 public:
  /// The versions that `request.upgrade` lets stay.
  explicit Keep(const generator::ResolveRequest& request);

  /// Makes the kept versions candidates, but for the released names.
  void apply(pkgDepCache& cache, PackageIndex& index) const;
  /// Gives up keeping the packages that the broken dependencies of the present marks are about. False when there is
  /// nothing more to give up.
  bool release_broken(pkgDepCache& cache);
  /// One note for each kept package that `chosen` has in another version, sorted.
  std::vector<std::string> notes(const std::vector<generator::LockedPackage>& chosen, std::string_view where) const;

 private:
  struct Kept {
    generator::LockedPackage package;
    bool released = false;
  };
  bool release(const char* name);

  std::map<std::string, Kept, std::less<>> packages_;
};

}  // namespace karapace::resolve_deb
