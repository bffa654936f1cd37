// SPDX-License-Identifier: Apache-2.0
// MirrorsConfiguration: `[mirrors]`, `[acquisition]` and `[keyrings]` of the user's config.toml.
//
//   [mirrors]
//   debian = ["http://mirror.invalid/debian"]           # best first; a single string will do
//   debian-security = "http://mirror.invalid/debian-security"
//   [acquisition]
//   http_proxy = "http://proxy.invalid:3128"            # https_proxy, no_proxy = [...], ca_info, verify_peer,
//   retries = 5                                         # verify_host, timeout, check_valid_until, check_date
//   [keyrings]
//   debian = "/etc/site/archive.asc"                    # for an archive that a site signs itself; absolute
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/resolve/mirrors.hpp"

namespace karapace::resolve {

/// What the user said; absent is not said.
struct AcquisitionChoice {
  std::optional<std::string> http_proxy;
  std::optional<std::string> https_proxy;
  std::optional<std::vector<std::string>> no_proxy;
  std::optional<std::string> ca_info;
  std::optional<bool> verify_peer;
  std::optional<bool> verify_host;
  std::optional<unsigned> retries;
  std::optional<unsigned> timeout_seconds;
  std::optional<bool> check_valid_until;
  std::optional<bool> check_date;
  /// Overrides what was said.
  void apply(Acquisition& acquisition) const;
};

struct MirrorsConfiguration {
  std::map<std::string, std::vector<std::string>> mirrors;
  AcquisitionChoice acquisition;
  std::map<std::string, std::filesystem::path> keyrings;
};

/// Strict: ManifestError `name:line:column: ...` for anything unknown or mistyped.
MirrorsConfiguration parse_mirrors_configuration(std::string_view text, std::string_view name);

/// A base URL that apt and libcurl can both use (http, https, file), without a final slash; nothing when it is none.
std::optional<std::string> normalised_url(std::string_view url);

}  // namespace karapace::resolve
