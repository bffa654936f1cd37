// SPDX-License-Identifier: Apache-2.0
#include "base/escape.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace karapace {

namespace {

constexpr char digits[] = "0123456789abcdef";

bool plain(char c, char also) noexcept { return c > 0x20 && c < 0x7f && c != '\\' && (also == 0 || c != also); }

std::size_t plain_length(std::string_view bytes, char also) noexcept {
  std::size_t length = 0;
  while (length < bytes.size() && plain(bytes[length], also)) ++length;
  return length;
}

void append_hex(std::string& text, char c) {
  auto byte = static_cast<std::uint8_t>(c);
  text += "\\x";
  text += digits[byte >> 4];
  text += digits[byte & 15];
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// The byte of "\xNN" at the start of `text`, or -1.
int escaped_byte(std::string_view text) noexcept {
  if (text.size() < 4 || text[0] != '\\' || text[1] != 'x') return -1;
  int high = hex_value(text[2]);
  int low = hex_value(text[3]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode, table 3-7), 0 when there is none.
std::size_t utf8_length(std::string_view text) noexcept {
  auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0u; };
  auto follows = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    bool overlong = lead == 0xe0 && at(1) < 0xa0;
    bool surrogate = lead == 0xed && at(1) > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    bool overlong = lead == 0xf0 && at(1) < 0x90;
    bool too_large = lead == 0xf4 && at(1) > 0x8f;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

/// The code point of a well-formed sequence of that length.
std::uint32_t code_point(std::string_view sequence) noexcept {
  auto lead = static_cast<std::uint8_t>(sequence[0]);
  if (sequence.size() == 1) return lead;
  std::uint32_t code = lead & (0xffu >> (sequence.size() + 1));
  for (char c : sequence.substr(1)) code = code << 6 | (static_cast<std::uint8_t>(c) & 0x3fu);
  return code;
}

/// Unicode's property Bidi_Control: they make a text read differently from what it is.
bool is_bidi_control(std::uint32_t code) noexcept {
  return code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

bool acts_on_terminals(std::uint32_t code) noexcept {
  bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  return (control && code != '\n' && code != '\t') || is_bidi_control(code);
}

/// The length of the harmless characters at the start of `text`.
std::size_t printable_length(std::string_view text) noexcept {
  std::size_t length = 0;
  while (length < text.size()) {
    auto c = text[length];
    if ((c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t') {
      ++length;
      continue;
    }
    auto next = utf8_length(text.substr(length));
    if (next == 0 || acts_on_terminals(code_point(text.substr(length, next)))) return length;
    length += next;
  }
  return length;
}

}  // namespace

// Both directions copy what needs no escape in one piece: nearly every field of a listing is such a piece.
void append_escaped(std::string& text, std::string_view bytes, char also) {
  while (!bytes.empty()) {
    std::size_t length = plain_length(bytes, also);
    text.append(bytes, 0, length);
    bytes.remove_prefix(length);
    if (bytes.empty()) return;
    append_hex(text, bytes.front());
    bytes.remove_prefix(1);
  }
}

std::optional<std::string> unescaped(std::string_view text, char also) {
  std::size_t length = plain_length(text, also);
  std::string bytes(text, 0, length);
  while (length < text.size()) {
    text.remove_prefix(length);
    int byte = escaped_byte(text);
    if (byte < 0 || plain(static_cast<char>(byte), also)) return std::nullopt;
    bytes += static_cast<char>(byte);
    text.remove_prefix(4);
    length = plain_length(text, also);
    bytes.append(text, 0, length);
  }
  return bytes;
}

std::string escaped_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    char c = bytes[i];
    std::size_t length = utf8_length(bytes.substr(i));
    bool control = length == 1 && (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f);
    if (length == 0 || control || c == '\\') {
      append_hex(text, c);
      ++i;
    } else {
      text += bytes.substr(i, length);
      i += length;
    }
  }
  return text;
}

namespace {

/// How many bytes at the beginning of `text` are a control character: 0, 1, or 2 for those of ISO 8859 (C1).
std::size_t control_length(std::string_view text) noexcept {
  auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  return text.size() > 1 && byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0 ? 2 : 0;
}

}  // namespace

bool has_control_character(std::string_view text) noexcept {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (control_length(text) > 0) return true;
  }
  return false;
}

std::optional<std::string> unescaped_utf8(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      bytes += text[i++];
      continue;
    }
    int byte = escaped_byte(text.substr(i));
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    i += 4;
  }
  return bytes;
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto length = printable_length(text);
    result += text.substr(0, length);
    text.remove_prefix(length);
    auto bad = text.empty() ? 0 : std::max<std::size_t>(utf8_length(text), 1);
    for (char c : text.substr(0, bad)) append_hex(result, c);
    text.remove_prefix(bad);
  }
  return result;
}

std::string printable_word(std::string_view text) {
  std::string result;
  for (char c : printable(text)) {
    if (c == '\n' || c == '\t')
      append_hex(result, c);
    else
      result += c;
  }
  return result;
}

bool is_printable(std::string_view text) noexcept { return printable_length(text) == text.size(); }

std::string printable_json(std::string_view json) {
  std::string result;
  result.reserve(json.size());
  while (!json.empty()) {
    auto length = printable_length(json);
    result += json.substr(0, length);
    json.remove_prefix(length);
    auto bad = json.empty() ? 0 : std::max<std::size_t>(utf8_length(json), 1);
    // All of them lie in the plane that \u names with four digits.
    if (bad > 0) result += fmt::format("\\u{:04x}", code_point(json.substr(0, bad)));
    json.remove_prefix(bad);
  }
  return result;
}

}  // namespace karapace
