// SPDX-License-Identifier: Apache-2.0
// PackageRequest: one of `[system] packages`, in the words of apt-get: "git", "git=1:2.39.5-0+deb12u2", "git=1:2.39*",
// "cmake/bookworm-backports", "libc6:i386", "libc6:i386=2.36*". Manifests, locks and the resolver's protocol carry the
// word itself.
#pragma once

#include <string>
#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::manifest {

struct PackageRequest {
  std::string name;
  std::string architecture = {};  // "i386"; empty: the system's own
  std::string version = {};       // or a pattern with "*"; empty: any
  std::string suite = {};         // empty: any

  /// "git", "libc6:i386"
  std::string qualified_name() const { return architecture.empty() ? name : name + ":" + architecture; }
  /// Whether it leaves the version open.
  bool takes_any() const noexcept { return version.empty() && suite.empty(); }
  /// Whether no more than one version can be meant.
  bool is_exact() const noexcept { return !version.empty() && version.find('*') == std::string::npos; }
};

Complaint judge_package_request(std::string_view word);

/// Of a word that `judge_package_request` lets pass.
PackageRequest package_request(std::string_view word);

}  // namespace karapace::manifest
