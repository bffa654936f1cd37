// SPDX-License-Identifier: Apache-2.0
// Debian's version order and relations (Debian Policy 5.6.12 and 7.1).
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::deb {

/// Whether dpkg would take it as a package's version: `[epoch:]upstream[-revision]`, upstream beginning with a digit.
bool is_version(std::string_view text) noexcept;

/// Compares `[epoch:]upstream[-revision]`.
std::strong_ordering compare_versions(std::string_view a, std::string_view b);

/// "libfoo:any (<< 2)"
struct Relation {
  std::string name;               // without the architecture
  std::string relation;           // "<< 2", "" for any version
  std::string architecture = {};  // "any", "i386", "" for that of the package whose field it is
  bool holds_for(std::string_view version) const;
};

/// The groups of a relationship field, "a | b, c", of which one each must be there.
std::vector<std::vector<Relation>> alternatives(std::string_view field);

/// Whether a relationship field ("libfoo (<< 2), bar") names `package`, with a version that satisfies the relation.
bool names_package(std::string_view field, std::string_view package, std::string_view version);

}  // namespace karapace::deb
