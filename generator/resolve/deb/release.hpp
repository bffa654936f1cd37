// SPDX-License-Identifier: Apache-2.0
// Release: the signed table of contents of a repository, and whether it is the one that was asked for.
//
// A signature says whose a Release is, not which of the owner's it is, nor that it is today's: whoever answers for a
// mirror can serve another suite or an old state under it. That is found out here, from what was signed alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "generator/resolve/deb/repository.hpp"
#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

struct Release {
  std::string suite;                                 // "stable"
  std::string codename;                              // "bookworm"
  std::int64_t date = 0;                             // seconds
  std::optional<std::int64_t> valid_until;           // seconds
  std::map<std::string, Sha256, std::less<>> files;  // relative to dists/<suite>, by SHA-256
};

/// Reads what was signed. LockError beginning with `prefix` without a date or SHA-256 sums, or with a field twice.
Release parse_release(std::string_view signed_text, std::string_view prefix);

/// LockError when the Release is of another suite, expired, from the future, or older than that of the lock there was.
/// An additional repository may name itself loosely, as long as it is no other pocket (-security, -updates, ...) that
/// it names: that becomes a note.
void check_release(const Release& release, const Repository& repository, const ResolveRequest& request,
                   std::vector<std::string>& notes);

/// What a Release vouches for an index by.
Sha256 sha256_of(std::string_view bytes);

/// "2026-07-11T10:16:37Z": as in locks, and ordered as the dates are.
std::string date_text(std::int64_t seconds);

}  // namespace karapace::resolve::deb
