// SPDX-License-Identifier: Apache-2.0
// Suggestions: the known word that a mistyped one was probably meant to be.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace karapace::manifest {

/// The word of `known` nearest to `word`, when it is near enough to be a slip of the fingers: one change, or one
/// per three characters (a change is an insertion, deletion, replacement or swap of neighbours). The first of equals.
std::optional<std::string_view> nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace karapace::manifest
