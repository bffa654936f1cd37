// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/control_lists.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::steps::deb {

namespace {

constexpr std::string_view white_space = " \t\n\v\f\r";

struct Where {
  std::string_view what;  // for messages
  std::string_view file;
};

[[noreturn]] void refuse_line(const Where& where, std::string_view line, std::string_view reason) {
  throw StepError(
      fmt::format("{}: refused: {}: \"{}\" {}", where.what, where.file, escaped_utf8(line.substr(0, 80)), reason));
}

/// As dpkg names files: "//etc/x" and "/./etc/x" are "/etc/x".
std::string named(std::string_view path) {
  for (;;) {
    if (path.starts_with('/'))
      path.remove_prefix(1);
    else if (path.starts_with("./"))
      path.remove_prefix(2);
    else
      return "/" + std::string(path);
  }
}

ConfigurationFile parse_conffile(std::string_view line, std::string_view what) {
  if (line.starts_with('/')) return {named(line), ConfigurationPolicy::kept};
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos || !line.substr(blank + 1).starts_with('/'))
    refuse_line({what, "conffiles"}, line, "is no absolute path");
  if (line.substr(0, blank) != "remove-on-upgrade")
    refuse_line({what, "conffiles"}, line, "has a flag that is not known");
  return {named(line.substr(blank + 1)), ConfigurationPolicy::removed};
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

Trigger parse_trigger(std::string_view line, std::string_view what) {
  constexpr std::array<std::string_view, 6> directives = {"interest", "interest-await", "interest-noawait",
                                                          "activate", "activate-await", "activate-noawait"};
  constexpr std::array<std::string_view, 3> files_of_dpkg = {"File", "Lock", "Unincorp"};
  const auto blank = std::min(line.find_first_of(white_space), line.size());
  const auto directive = line.substr(0, blank);
  const auto name = trimmed(line.substr(blank));
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!is_one_of(directives, directive)) refuse_line({what, "triggers"}, line, "is no directive that dpkg knows");
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_visible))
    refuse_line({what, "triggers"}, line, "names no trigger");
  const bool is_interest = directive.starts_with("interest");
  if (is_interest && !is_trigger(name)) refuse_line({what, "triggers"}, line, "names no trigger");
  if (is_interest && is_one_of(files_of_dpkg, name))
    refuse_line({what, "triggers"}, line, "has the name of a file of dpkg's own");
  return {std::string(directive), std::string(name)};
}

}  // namespace

std::vector<ConfigurationFile> parse_conffiles(std::string_view text, std::string_view what) {
  std::vector<ConfigurationFile> conffiles;
  const auto all = lines(text);
  for (auto line : all)
    if (line.find('\0') != line.npos) refuse_line({what, "conffiles"}, line, "has a NUL");
  if (!all.empty() && !text.ends_with('\n')) refuse_line({what, "conffiles"}, all.back(), "is not ended by a newline");
  for (auto line : all) {
    const auto end = line.find_last_not_of(white_space);
    if (end == std::string_view::npos) continue;
    conffiles.push_back(parse_conffile(line.substr(0, end + 1), what));
  }
  return conffiles;
}

std::vector<Trigger> parse_triggers(std::string_view text, std::string_view what) {
  std::vector<Trigger> triggers;
  const auto all = lines(text);
  if (!all.empty() && !text.ends_with('\n')) refuse_line({what, "triggers"}, all.back(), "is not ended by a newline");
  for (auto line : all) {
    line = trimmed(line);
    if (!line.empty() && !line.starts_with('#')) triggers.push_back(parse_trigger(line, what));
  }
  return triggers;
}

}  // namespace karapace::steps::deb
