// SPDX-License-Identifier: Apache-2.0
// Release: the signed table of contents of a repository.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"

namespace karapace::resolve_deb {

struct Release {
  std::string suite;     // "stable"
  std::string codename;  // "bookworm"
  std::int64_t date = 0;                     // seconds
  std::optional<std::int64_t> valid_until;  // seconds
  std::map<std::string, Sha256, std::less<>> files;  // relative to dists/<suite>, by SHA-256
};

/// Reads what was signed. LockError beginning with `prefix` without a date or SHA-256 sums.
Release parse_release(std::string_view signed_text, std::string_view prefix);

/// "2026-07-11T10:16:37Z".
std::string date_text(std::int64_t seconds);

}  // namespace karapace::resolve_deb
