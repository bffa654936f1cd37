// SPDX-License-Identifier: Apache-2.0
// Containerfile: what of the image that Karsk builds in can be said in a manifest: which image it begins with, and the
// packages that it installs with apt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace karapace::karsk {

struct Containerfile {
  std::string base;                   // as base.image of a manifest says it; "" when nothing is begun with
  std::vector<std::string> packages;  // sorted
  std::vector<std::string> left;      // lines, or parts of them, that say something else
};

/// Packages are understood where the base is a suite of Debian or Ubuntu.
Containerfile parse_containerfile(std::string_view text);

}  // namespace karapace::karsk
