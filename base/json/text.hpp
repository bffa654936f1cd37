// SPDX-License-Identifier: Apache-2.0
// JSON text: how this room writes strings, the same everywhere because the bytes count.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace karapace {

/// Appends `value` as a JSON string: `"` and `\` with a backslash, control characters as \b \f \n \r \t or \u00xx,
/// everything else as it is. `value` is valid UTF-8.
void append_json(std::string& text, std::string_view value);
/// Appends `["a","b"]`, the elements joined by `separator`.
void append_json(std::string& text, std::span<const std::string> values, std::string_view separator);

}  // namespace karapace
