// SPDX-License-Identifier: Apache-2.0
// PackageRequest: one of `[system] packages`, in the words of apt-get: "git", "git=1:2.39.5-0+deb12u2", "git=1:2.39*",
// "cmake/bookworm-backports". Manifests, locks and the resolver's protocol carry the word itself.
#pragma once

#include <string>
#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::manifest {

struct PackageRequest {
  std::string name;
  std::string version = {};  // or a pattern with "*"; empty: any
  std::string suite = {};    // empty: any

  /// Whether the name is all that it says.
  bool takes_any() const noexcept { return version.empty() && suite.empty(); }
  /// Whether no more than one version can be meant.
  bool is_exact() const noexcept { return !version.empty() && version.find('*') == std::string::npos; }
};

Complaint judge_package_request(std::string_view word);

/// Of a word that `judge_package_request` lets pass.
PackageRequest package_request(std::string_view word);

}  // namespace karapace::manifest
