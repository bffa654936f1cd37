// SPDX-License-Identifier: Apache-2.0
// JSON text: how this room writes strings, the same everywhere because the bytes count.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace karapace {

/// Offset of the first byte that is not part of a well-formed UTF-8 sequence (Unicode table 3-7), or npos.
std::size_t find_invalid_utf8(std::string_view text) noexcept;
/// Appends `value` as a JSON string: `"` and `\` with a backslash, control characters as \b \f \n \r \t or \u00xx,
/// everything else as it is. `value` is valid UTF-8.
void append_json(std::string& text, std::string_view value);
/// Appends `["a","b"]`, the elements joined by `separator`.
void append_json(std::string& text, std::span<const std::string> values, std::string_view separator);

}  // namespace karapace
