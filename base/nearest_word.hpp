// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word that a mistyped one was probably meant to be.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace karapace {

/// Edits (insert, delete, replace, swap neighbours) from one word to the other; `limit + 1` when there are more.
std::size_t edit_distance(std::string_view from, std::string_view to, std::size_t limit);

/// The word of `known` nearest to `word`, when it is near enough to be a slip of the fingers: one edit, or one per
/// three characters. The first of equals.
std::optional<std::string_view> nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace karapace
