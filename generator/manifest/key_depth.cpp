// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/key_depth.hpp"

namespace karapace::manifest {

namespace {

constexpr std::size_t most_dots = 256;

/// The length of the string or comment that begins at `text`, 0 when none does. Strings that are not closed end where
/// the library reports them.
std::size_t quoted_length(std::string_view text) {
  auto until = [&](std::size_t end, std::size_t closing) {
    return end == std::string_view::npos ? text.size() : end + closing;
  };
  if (text[0] == '#') return until(text.find('\n'), 0);
  if (text.starts_with("'''")) return until(text.find("'''", 3), 3);
  if (text[0] == '\'') return until(text.find_first_of("'\n", 1), 1);
  if (text[0] != '"') return 0;
  bool multiline = text.starts_with("\"\"\"");
  for (std::size_t i = multiline ? 3 : 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (multiline ? text.substr(i).starts_with("\"\"\"") : text[i] == '"' || text[i] == '\n') {
      return i + (multiline ? 3 : 1);
    }
  }
  return text.size();
}

}  // namespace

std::optional<KeyPosition> find_too_deep_key(std::string_view text) {
  KeyPosition position;
  std::size_t dots = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (std::size_t length = quoted_length(text.substr(i))) {
      for (char c : text.substr(i, length)) position.line += c == '\n';
      i += length;
      continue;
    }
    if (text[i] == '\n') {
      ++position.line;
      dots = 0;
    } else if (text[i] == '.' && ++dots > most_dots) {
      return position;
    }
    ++i;
  }
  return std::nullopt;
}

}  // namespace karapace::manifest
