// SPDX-License-Identifier: Apache-2.0
// Versions as Semantic Versioning 2.0 writes and orders them, with our build id as the last build metadata:
// "1.4.2-rc.1+3" is the third build of 1.4.2-rc.1.
//
// Nothing is copied or allocated: the launcher of releases, which starts in a fraction of a millisecond, uses it, too.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace karapace {

/// Lies in the text that it was parsed from.
struct SemanticVersion {
  std::string_view major;  // digits, of any length
  std::string_view minor;
  std::string_view patch;
  std::string_view prerelease;  // "" or dotted identifiers
  std::string_view metadata;    // "" or dotted identifiers: no part of the order
};
/// Nothing when it is none: "1.4", "01.4.2", "1.4.2-".
std::optional<SemanticVersion> parse_semantic_version(std::string_view text) noexcept;
/// Section 11: numbers as numbers, a pre-release below its release, metadata does not count.
std::weak_ordering precedence(const SemanticVersion& one, const SemanticVersion& other) noexcept;

/// The name of an installed version: "VERSION+N". The version may be of any form, and have metadata of its own.
struct BuildName {
  std::string_view version;
  std::uint64_t build = 0;  // from 1
};
/// No build id is above it: a name with a greater one is no name of a build.
inline constexpr std::uint64_t most_builds = 1'000'000'000;
/// Nothing when it does not end in "+" and a number without leading zeros, up to `most_builds`.
std::optional<BuildName> parse_build_name(std::string_view text) noexcept;

/// What a version says of itself: "1.4" and "24.04.1.2" are releases of numbers as "1.4.0" is, "1.4-rc1" comes before
/// one, "nightly" and "2.10rc1" are words.
enum class VersionForm { word, prerelease, release };
VersionForm form_of(std::string_view version) noexcept;

/// The order of installed versions, total over their names. Words come first, digits in them as numbers. Versions of
/// numbers are ordered as semantic versions are, also where they are none: what is not written is 0. Of those that are
/// equal so the one without metadata is last, then metadata, the version and the build id decide.
std::strong_ordering order_of_builds(const BuildName& one, const BuildName& other) noexcept;
/// Of names of builds; false when one is none.
bool is_lower_build(std::string_view one, std::string_view other) noexcept;

}  // namespace karapace
