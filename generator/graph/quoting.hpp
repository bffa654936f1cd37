// SPDX-License-Identifier: Apache-2.0
// Quoting: text that passes through Ninja's parser and then through sh(1).
#pragma once

#include <string>
#include <string_view>

namespace karapace::generator {

/// Appends the value of a Ninja variable: `$` doubled, and a leading space kept. Ninja has no way to write a line end.
void append_ninja_value(std::string& text, std::string_view value);
/// Appends a path in a Ninja build statement: `$`, `:`, `|` and spaces escaped.
void append_ninja_path(std::string& text, std::string_view path);
/// `word` for sh(1) and for response files: as it is when it has none but harmless characters, else in single quotes.
std::string shell_quoted(std::string_view word);

}  // namespace karapace::generator
