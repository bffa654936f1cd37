// SPDX-License-Identifier: Apache-2.0
// Evidence: what the archives said when a lock was made, looked at again, without a network.
//
// A lock has the fingerprints of those who signed a Release, its date, and the digests of its indexes. The Release
// itself, as it was signed, and the keys that signed it are kept in the cache when a lock is made (`releases/`, some
// hundred kilobytes each); indexes are there as long as the cache has them. All of it may go at any time: then nothing
// is proven, and nothing wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "generator/lock/lock.hpp"

namespace karapace::resolve {

struct EvidencePart {
  enum class Link : std::uint8_t { archive, index } link{};  // a Release's signature; an index or what it says
  enum class State : std::uint8_t { verified, absent, broken } state{};
  std::string subject;      // "debian/bookworm main/binary-amd64/Packages"
  std::string reason = {};  // a clause for people, with the way out; "" when it is verified
  auto operator<=>(const EvidencePart&) const = default;
};

/// Of each repository of the lock, its Release and its indexes, and of each package its entry in those. `cache`: as
/// locks are made with. What can not be looked at, as where karapace-resolve-deb is not there, is absent.
std::vector<EvidencePart> examine_evidence(const lock::Lock& lock, const std::filesystem::path& cache);

std::string evidence_text(const std::vector<EvidencePart>& parts);
std::vector<EvidencePart> parse_evidence(std::string_view text);

}  // namespace karapace::resolve
