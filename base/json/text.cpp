// SPDX-License-Identifier: Apache-2.0
#include "base/json/text.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace karapace {

namespace {

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
