// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/toml.hpp"

#include <cstddef>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::manifest {

namespace {

constexpr std::size_t most_dots = 256;

struct KeyPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};

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

/// Where a line has more dots outside of strings and comments than any sensible line has; nothing when none has.
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

}  // namespace

toml::table parse_toml(std::string_view text, std::string_view name) {
  if (auto deep = find_too_deep_key(text)) {
    throw ManifestError(fmt::format("{}:{}:{}: a key has too many parts", name, deep->line, deep->column));
  }
  auto parsed = toml::parse(text, name);
  if (parsed) return std::move(parsed).table();
  const auto& error = parsed.error();
  const auto& at = error.source().begin;
  throw ManifestError(fmt::format("{}:{}:{}: not TOML: {}", name, at.line, at.column, printable(error.description())));
}

}  // namespace karapace::manifest
