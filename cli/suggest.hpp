// SPDX-License-Identifier: Apache-2.0
// Suggestions: the nearest known word to one that was mistyped.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace karapace::cli {

/// The candidate with the smallest edit distance (insertions, deletions, replacements, swaps of neighbours), the first
/// one among equals; nothing when none is near enough to be meant.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace karapace::cli
