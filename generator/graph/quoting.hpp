// SPDX-License-Identifier: Apache-2.0
// Quoting: text that passes through Ninja's parser and then through sh(1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace karapace::graph {

/// Appends the value of a Ninja variable: `$` doubled, and a leading space kept. Ninja has no way to write a line end.
void append_ninja_value(std::string& text, std::string_view value);
/// Appends a path in a Ninja build statement: `$`, `:` and spaces escaped. Ninja has no way to write a `|` or a line
/// end.
void append_ninja_path(std::string& text, std::string_view path);
/// `word` for sh(1) and for response files: as it is when it has none but harmless characters, else in single quotes.
std::string shell_quoted(std::string_view word);

/// What append_ninja_value made this text of. Nothing when it made no such text.
std::optional<std::string> ninja_value(std::string_view text);
/// Takes a word that shell_quoted made from the front of `text`; it may be empty. Nothing when it is not such a word.
std::optional<std::string> take_shell_word(std::string_view& text);

}  // namespace karapace::graph
