// SPDX-License-Identifier: Apache-2.0
// Copyright files of packages, /usr/share/doc/PACKAGE/copyright, as far as machines can read them (DEP-5, "copyright
// format 1.0"): under which licences the package's files are, as an expression of SPDX.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace karapace::deb {

struct LicenseExpression {
  /// "(Artistic-1.0 OR GPL-1.0-or-later) AND MIT"; licences that SPDX has no name for as "LicenseRef-NAME".
  std::string text;
  /// Those of the second kind: what SPDX calls it, and what the file does ("LicenseRef-GPL", "GPL").
  struct Reference {
    std::string id;
    std::string name;
    auto operator<=>(const Reference&) const = default;
  };
  std::set<Reference> references;
};

/// What all of a package's files are under together. Nothing when the file is of another form, or says nothing.
std::optional<LicenseExpression> license_of(std::string_view copyright_file);
/// Of what stands in a field "License": "GPL-2+ or Artistic, and BSD-3-clause".
LicenseExpression license_expression(std::string_view field);

}  // namespace karapace::deb
