// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/conffile_list.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::steps::deb {

namespace {

constexpr std::string_view white_space = " \t\n\v\f\r";

[[noreturn]] void refuse(std::string_view what, std::string_view line, std::string_view reason) {
  throw StepError(fmt::format("{}: refused: conffiles: \"{}\" {}", what, escaped_utf8(line.substr(0, 80)), reason));
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

Conffile parse_line(std::string_view line, std::string_view what) {
  if (line.starts_with('/')) return {named(line), Conffile::Kind::shipped};
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos || !line.substr(blank + 1).starts_with('/'))
    refuse(what, line, "is no absolute path");
  if (line.substr(0, blank) != "remove-on-upgrade") refuse(what, line, "has a flag that is not known");
  return {named(line.substr(blank + 1)), Conffile::Kind::remove_on_upgrade};
}

}  // namespace

std::vector<Conffile> parse_conffiles(std::string_view text, std::string_view what) {
  std::vector<Conffile> conffiles;
  const auto all = lines(text);
  for (auto line : all)
    if (line.find('\0') != line.npos) refuse(what, line, "has a NUL");
  if (!all.empty() && !text.ends_with('\n')) refuse(what, all.back(), "is not ended by a newline");
  for (auto line : all) {
    const auto end = line.find_last_not_of(white_space);
    if (end == std::string_view::npos) continue;
    conffiles.push_back(parse_line(line.substr(0, end + 1), what));
  }
  return conffiles;
}

}  // namespace karapace::steps::deb
