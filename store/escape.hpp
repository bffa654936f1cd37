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
/// For messages: UTF-8 text with the bytes of its control characters written as \xNN; everything else stays.
std::string printable(std::string_view text);

}  // namespace karapace
