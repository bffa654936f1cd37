// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/quoting.hpp"

#include <algorithm>

namespace karapace::generator {

namespace {

bool is_harmless(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./:=+,@%-").find(c) != std::string_view::npos;
}

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
    if (c == '$' || c == ':' || c == ' ' || c == '|') text += '$';
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

}  // namespace karapace::generator
