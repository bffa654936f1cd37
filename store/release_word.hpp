// SPDX-License-Identifier: Apache-2.0
// Words of releases. The launcher, which has nothing else of the store, uses them, too.
#pragma once

#include <algorithm>
#include <string_view>

namespace karapace::store {

/// Whether it can be the name of a release, a package, an entry point or an alias, or a version: of letters, digits and
/// . _ + - ~, beginning with a letter, a digit or _. So none is a path, an option or a hidden file.
constexpr bool is_release_word(std::string_view word) noexcept {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto is_allowed = [&](char c) { return is_plain(c) || c == '.' || c == '+' || c == '-' || c == '~'; };
  return !word.empty() && word.size() <= 128 && is_plain(word[0]) && std::all_of(word.begin(), word.end(), is_allowed);
}

}  // namespace karapace::store
