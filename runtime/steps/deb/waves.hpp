// SPDX-License-Identifier: Apache-2.0
// Waves: which packages can be unpacked together. Before a package is unpacked, and its preinst runs, what it
// pre-depends on is configured, with all that this depends on (Debian Policy 7.2).
#pragma once

#include <string_view>
#include <vector>

#include "runtime/steps/deb/deb_package.hpp"
#include "runtime/steps/deb/dpkg_database.hpp"

namespace karapace::steps::deb {

struct Wave {
  std::vector<const DebPackage*> configured_before;  // of earlier waves, and not by an earlier wave
  std::vector<const DebPackage*> packages;           // in the order that was given
};

/// `architecture` is dpkg's own, for which packages for all are. The first wave configures nothing before. Packages
/// that pre-depend on each other in a circle stand together, as what breaks such a circle is dpkg's affair.
std::vector<Wave> waves(const std::vector<const DebPackage*>& packages, const DpkgDatabase& database,
                        std::string_view architecture);

}  // namespace karapace::steps::deb
