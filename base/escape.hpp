// SPDX-License-Identifier: Apache-2.0
// Escapes: byte strings (paths, link targets, attribute values) as printable text, reversibly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace karapace {

/// Appends `bytes` to `text` with every byte outside 0x21..0x7e, the backslash and `also` (0: none) written as \xNN
/// (lower-case hex): the field encoding of listings (docs/hash-contract.md).
void append_escaped(std::string& text, std::string_view bytes, char also = 0);
/// Strict inverse of append_escaped: nothing when a byte is escaped that need not be, or the other way round.
std::optional<std::string> unescaped(std::string_view text, char also = 0);

/// For JSON and people: valid UTF-8 stays as it is but for the backslash and control characters; other bytes become
/// \xNN. Reversible with `unescaped_utf8`.
std::string escaped_utf8(std::string_view bytes);
std::optional<std::string> unescaped_utf8(std::string_view text);

/// Whether UTF-8 text holds a control character (C0, DEL or C1, as U+009B): what a terminal might obey.
bool has_control_character(std::string_view text) noexcept;
/// For terminals: `text` with everything in it that would act there instead of being shown written as \xNN, byte by
/// byte: control characters (C0 but newline and tab, DEL, C1), the bidirectional controls, and bytes that are no UTF-8.
/// What is printed for people goes through here once, at the output (cli/context.hpp); not reversible, for it may hold
/// escapes.
std::string printable(std::string_view text);
/// The same for a word in a message: newline and tab are written as \xNN, too.
std::string printable_word(std::string_view text);
/// Whether a character that `printable` changes is in it.
bool is_printable(std::string_view text) noexcept;
/// JSON text with DEL, C1 and the bidirectional controls written as \uNNNN, as JSON writes the other controls. They
/// stand in strings only.
std::string printable_json(std::string_view json);

}  // namespace karapace
