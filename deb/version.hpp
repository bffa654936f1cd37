// SPDX-License-Identifier: Apache-2.0
// Debian's version order and relations (Debian Policy 5.6.12 and 7.1).
#pragma once

#include <compare>
#include <string_view>

namespace karapace::deb {

/// Compares `[epoch:]upstream[-revision]`.
std::strong_ordering compare_versions(std::string_view a, std::string_view b);

/// Whether a relationship field ("libfoo (<< 2), bar") names `package`, with a version that satisfies the relation.
bool names_package(std::string_view field, std::string_view package, std::string_view version);

}  // namespace karapace::deb
