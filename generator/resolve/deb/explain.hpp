// SPDX-License-Identifier: Apache-2.0
// Explain: why a set of packages cannot be installed, in apt's terms.
#pragma once

#include <string>

#include <apt-pkg/depcache.h>

namespace karapace::resolve_deb {

/// One line for each dependency that the present marks leave unmet:
///
///   git depends on libpcre2-8-0 (>= 10.34), but it is not in these repositories
///   a conflicts with b, but b 1.0 is to be installed
///
/// indented by two spaces, sorted.
std::string unmet_dependencies(pkgDepCache& cache);

}  // namespace karapace::resolve_deb
