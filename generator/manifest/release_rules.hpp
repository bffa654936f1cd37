// SPDX-License-Identifier: Apache-2.0
// Rules of releases, for manifests and locks alike (rules.hpp says how they judge).
#pragma once

#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::manifest {

/// The name of a release, a source, an entry point, a link or a host, or a version: store::is_release_word.
Complaint judge_release_word(std::string_view word);
/// The names of links that are there without being asked for.
inline constexpr std::string_view latest_link = "latest", stable_link = "stable";
/// A version of a source: such a word, but none of those links, beside which versions lie, and without "+" and a number
/// at its end, which is of the build.
Complaint judge_release_version(std::string_view word);
/// Where a release may live: an inner path where what a build makes stays.
Complaint judge_destination(std::string_view word);
/// Whether build scripts have a variable of that name without any dependency, which would take its place.
bool is_taken_variable(std::string_view name) noexcept;

}  // namespace karapace::manifest
