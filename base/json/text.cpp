// SPDX-License-Identifier: Apache-2.0
#include "base/json/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

namespace karapace {

namespace {

/// Most text is, and locks are long.
std::size_t ascii_length(std::string_view text) noexcept {
  std::size_t length = 0;
  for (std::uint64_t eight = 0; length + sizeof eight <= text.size(); length += sizeof eight) {
    std::memcpy(&eight, text.data() + length, sizeof eight);
    if ((eight & 0x8080808080808080) != 0) break;
  }
  return length;
}

bool is_plain(char c) noexcept { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

void append_escaped(std::string& text, char c) {
  switch (c) {
    case '"': text += "\\\""; return;
    case '\\': text += "\\\\"; return;
    case '\b': text += "\\b"; return;
    case '\f': text += "\\f"; return;
    case '\n': text += "\\n"; return;
    case '\r': text += "\\r"; return;
    case '\t': text += "\\t"; return;
    default: fmt::format_to(std::back_inserter(text), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto within = [](unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; };
  for (std::size_t i = ascii_length(text); i < text.size();) {
    unsigned first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (!within(first, 0xc2, 0xf4) || !within(byte(i + 1), low, high)) return i;
    for (std::size_t k = 2; k < length; ++k) {
      if (!within(byte(i + k), 0x80, 0xbf)) return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

void append_json(std::string& text, std::string_view value) {
  text += '"';
  while (!value.empty()) {
    auto plain = static_cast<std::size_t>(std::find_if_not(value.begin(), value.end(), is_plain) - value.begin());
    text += value.substr(0, plain);
    if (plain == value.size()) break;
    append_escaped(text, value[plain]);
    value.remove_prefix(plain + 1);
  }
  text += '"';
}

void append_json(std::string& text, std::span<const std::string> values, std::string_view separator) {
  text += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += separator;
    append_json(text, values[i]);
  }
  text += ']';
}

}  // namespace karapace
