// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/trigger_list.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::steps::deb {

namespace {

constexpr std::string_view white_space = " \t\n\v\f\r";

[[noreturn]] void refuse(std::string_view what, std::string_view line, std::string_view reason) {
  throw StepError(fmt::format("{}: refused: triggers: \"{}\" {}", what, escaped_utf8(line.substr(0, 80)), reason));
}

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// As the name of a package, or a path; explicit triggers are files in dpkg's directory.
bool is_trigger(std::string_view name) {
  if (name.starts_with('/')) return name.find("//") == name.npos && !name.ends_with('/');
  const auto fits = [](char c) { return is_letter(c) || c == '-' || c == '+' || c == '.'; };
  return is_letter(name.front()) && std::all_of(name.begin(), name.end(), fits);
}

TriggerLine parse_line(std::string_view line, std::string_view what) {
  constexpr std::array<std::string_view, 6> directives = {"interest", "interest-await", "interest-noawait",
                                                          "activate", "activate-await", "activate-noawait"};
  constexpr std::array<std::string_view, 3> files_of_dpkg = {"File", "Lock", "Unincorp"};
  const auto blank = std::min(line.find_first_of(white_space), line.size());
  const auto directive = line.substr(0, blank);
  const auto name = trimmed(line.substr(blank));
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!is_one_of(directives, directive)) refuse(what, line, "is no directive that dpkg knows");
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_visible)) refuse(what, line, "names no trigger");
  const bool is_interest = directive.starts_with("interest");
  if (is_interest && !is_trigger(name)) refuse(what, line, "names no trigger");
  if (is_interest && is_one_of(files_of_dpkg, name)) refuse(what, line, "has the name of a file of dpkg's own");
  return {std::string(directive), std::string(name)};
}

}  // namespace

std::vector<TriggerLine> parse_triggers(std::string_view text, std::string_view what) {
  std::vector<TriggerLine> triggers;
  const auto all = lines(text);
  if (!all.empty() && !text.ends_with('\n')) refuse(what, all.back(), "is not ended by a newline");
  for (auto line : all) {
    line = trimmed(line);
    if (!line.empty() && !line.starts_with('#')) triggers.push_back(parse_line(line, what));
  }
  return triggers;
}

}  // namespace karapace::steps::deb
