// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/quoting.hpp"

#include <algorithm>
#include <array>

namespace karapace::graph {

namespace {

constexpr auto harmless = [] {
  std::array<bool, 256> table{};
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c : std::string_view("_./:=+,@%-")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_harmless(char c) noexcept { return harmless[static_cast<unsigned char>(c)]; }

}  // namespace

void append_ninja_value(std::string& text, std::string_view value) {
  if (value.starts_with(' ')) text += '$';
  for (char c : value) {
    if (c == '$') text += '$';
    text += c;
  }
}

void append_ninja_path(std::string& text, std::string_view path) {
  for (char c : path) {
    if (c == '$' || c == ':' || c == ' ') text += '$';
    text += c;
  }
}

std::string shell_quoted(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_harmless)) return std::string(word);
  std::string quoted = "'";
  for (char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::optional<std::string> ninja_value(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  while (!text.empty()) {
    if (text[0] == '$') {
      bool at_start = value.empty();
      text.remove_prefix(1);
      if (!text.starts_with('$') && !(at_start && text.starts_with(' '))) return std::nullopt;
    }
    auto next = std::min(text.find('$', 1), text.size());
    value += text.substr(0, next);
    text.remove_prefix(next);
  }
  return value;
}

std::optional<std::string> take_shell_word(std::string_view& text) {
  if (!text.starts_with('\'')) {
    auto end = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_harmless) - text.begin());
    std::string word(text.substr(0, end));
    text.remove_prefix(end);
    return word;
  }
  std::string word;
  while (text.starts_with('\'')) {
    auto end = text.find('\'', 1);
    if (end == std::string_view::npos) return std::nullopt;
    word += text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.starts_with("\\'")) return word;
    word += '\'';
    text.remove_prefix(2);
  }
  return std::nullopt;
}

}  // namespace karapace::graph
