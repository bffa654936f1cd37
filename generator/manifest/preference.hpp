// SPDX-License-Identifier: Apache-2.0
// Preference: one of `[system] prefer`: which versions come before others. As in apt_preferences(5), in one word each:
//
//   "bookworm-backports"          whatever this suite, or this repository of the manifest, has
//   "linux-*/bookworm-backports"  the same of packages whose names match; patterns are those of glob(7)
//   "git=1:2.39*"                 versions that match; "*" stands for any characters
//   "libc6:i386/bookworm"         of one architecture; without it, of all
#pragma once

#include <string>
#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::manifest {

struct Preference {
  std::string pattern = {};       // of packages' names; empty: every package
  std::string architecture = {};  // "i386"; empty: every one
  std::string version = {};       // or a pattern with "*"; empty: any
  std::string source = {};        // a suite, or the name of an additional repository; empty: any

  /// Whether it is about one package.
  bool names_package() const noexcept { return !pattern.empty() && pattern.find_first_of("*?[") == std::string::npos; }
};

Complaint judge_preference(std::string_view word);

/// Of a word that `judge_preference` lets pass.
Preference preference(std::string_view word);

}  // namespace karapace::manifest
