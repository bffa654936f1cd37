// SPDX-License-Identifier: Apache-2.0
#include "deb/copyright_file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/words.hpp"

namespace karapace::deb {

namespace {

using Reference = LicenseExpression::Reference;

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// Short names, in small letters (their case is no matter), that SPDX spells in another way or has under the same.
/// Names that mean different texts in different packages ("BSD", "GPL" without a version) are not among them.
constexpr auto spdx_names = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"0bsd", "0BSD"},
    {"apache-1.0", "Apache-1.0"},
    {"apache-1.1", "Apache-1.1"},
    {"apache-2", "Apache-2.0"},
    {"apache-2.0", "Apache-2.0"},
    {"artistic", "Artistic-1.0"},
    {"artistic-1", "Artistic-1.0"},
    {"artistic-1.0", "Artistic-1.0"},
    {"artistic-2", "Artistic-2.0"},
    {"artistic-2.0", "Artistic-2.0"},
    {"beerware", "Beerware"},
    {"boost", "BSL-1.0"},
    {"bsd-2-clause", "BSD-2-Clause"},
    {"bsd-3-clause", "BSD-3-Clause"},
    {"bsd-4-clause", "BSD-4-Clause"},
    {"bsd-4-clause-uc", "BSD-4-Clause-UC"},
    {"bsl-1", "BSL-1.0"},
    {"bsl-1.0", "BSL-1.0"},
    {"cc-by-3.0", "CC-BY-3.0"},
    {"cc-by-4.0", "CC-BY-4.0"},
    {"cc-by-sa-3.0", "CC-BY-SA-3.0"},
    {"cc-by-sa-4.0", "CC-BY-SA-4.0"},
    {"cc0", "CC0-1.0"},
    {"cc0-1.0", "CC0-1.0"},
    {"cddl-1.0", "CDDL-1.0"},
    {"cpl-1.0", "CPL-1.0"},
    {"curl", "curl"},
    {"epl-1.0", "EPL-1.0"},
    {"epl-2.0", "EPL-2.0"},
    {"expat", "MIT"},
    {"fsfap", "FSFAP"},
    {"fsful", "FSFUL"},
    {"fsfullr", "FSFULLR"},
    {"gfdl-niv-1.3", "GFDL-1.3-no-invariants-only"},
    {"gfdl-niv-1.3+", "GFDL-1.3-no-invariants-or-later"},
    {"hpnd", "HPND"},
    {"isc", "ISC"},
    {"latex2e", "Latex2e"},
    {"lppl-1.3c", "LPPL-1.3c"},
    {"mit", "MIT"},
    {"mit-0", "MIT-0"},
    {"mit-cmu", "MIT-CMU"},
    {"mpl-1.1", "MPL-1.1"},
    {"mpl-2.0", "MPL-2.0"},
    {"ms-pl", "MS-PL"},
    {"ncsa", "NCSA"},
    {"ofl-1.1", "OFL-1.1"},
    {"oldap-2.8", "OLDAP-2.8"},
    {"openldap-2.8", "OLDAP-2.8"},
    {"openssl", "OpenSSL"},
    {"postgresql", "PostgreSQL"},
    {"psf-2", "PSF-2.0"},
    {"psf-2.0", "PSF-2.0"},
    {"python-2.0", "Python-2.0"},
    {"qpl-1.0", "QPL-1.0"},
    {"sleepycat", "Sleepycat"},
    {"unlicense", "Unlicense"},
    {"w3c", "W3C"},
    {"wtfpl", "WTFPL"},
    {"x11", "X11"},
    {"zlib", "Zlib"},
    {"zope-2.1", "ZPL-2.1"},
});

/// GNU's families, of which each has its versions.
struct Family {
  std::string_view name;
  std::array<std::string_view, 3> versions;
};
constexpr std::array<Family, 4> gnu_families{{{"AGPL", {"1.0", "3.0", ""}},
                                              {"GFDL", {"1.1", "1.2", "1.3"}},
                                              {"GPL", {"1.0", "2.0", "3.0"}},
                                              {"LGPL", {"2.0", "2.1", "3.0"}}}};

/// "GPL-2.0-or-later" of "GPL-2+"
std::optional<std::string> gnu_name(std::string_view name) {
  const auto dash = name.find('-');
  if (dash == name.npos) return std::nullopt;
  const bool or_later = name.ends_with('+');
  auto version = std::string(name.substr(dash + 1, name.size() - dash - 1 - (or_later ? 1 : 0)));
  if (version.find('.') == version.npos) version += ".0";
  const auto word = lower(name.substr(0, dash));
  for (const auto& family : gnu_families) {
    if (word != lower(family.name) || std::ranges::find(family.versions, version) == family.versions.end()) continue;
    return fmt::format("{}-{}-{}", family.name, version, or_later ? "or-later" : "only");
  }
  return std::nullopt;
}

std::optional<std::string> spdx_name(std::string_view name) {
  const auto wanted = lower(name);
  const auto found =
      std::ranges::find(spdx_names, std::string_view(wanted), [](const auto& pair) { return pair.first; });
  if (found != spdx_names.end()) return std::string(found->second);
  return gnu_name(name);
}

/// "Libtool-exception" of "Libtool"; it may depend on the licence.
std::optional<std::string_view> spdx_exception(std::string_view name, std::string_view license) {
  const auto wanted = lower(name);
  if (wanted == "libtool") return "Libtool-exception";
  if (wanted == "linux-syscall-note") return "Linux-syscall-note";
  if (wanted == "bison-2.2") return "Bison-exception-2.2";
  if (wanted == "classpath") return "Classpath-exception-2.0";
  if (wanted == "font") return "Font-exception-2.0";
  if (wanted == "texinfo") return "Texinfo-exception";
  if (wanted == "autoconf" && license.starts_with("GPL-2.0")) return "Autoconf-exception-2.0";
  if (wanted == "autoconf" && license.starts_with("GPL-3.0")) return "Autoconf-exception-3.0";
  return std::nullopt;
}

/// SPDX allows letters, digits, "-" and "." in it.
std::string reference_id(std::string_view name) {
  std::string id = "LicenseRef-";
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-')
      id += c;
    else if (c == '+')
      id += "-or-later";
    else if (id.back() != '-')
      id += '-';
  }
  return id;
}

/// "A or B, and C" in words and commas.
std::vector<std::string> tokens_of(std::string_view field) {
  std::vector<std::string> tokens;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) tokens.push_back(std::exchange(word, ""));
  };
  for (const char c : field) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') end_word();
    if (c == ',') tokens.emplace_back(",");
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != ',') word += c;
  }
  end_word();
  return tokens;
}

/// DEP-5's expressions: "and" binds stronger than "or", and a comma before either ends what came before it.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view field) : tokens_(tokens_of(field)) {}

  /// Nothing when it is no expression.
  std::optional<LicenseExpression> parse() {
    auto text = part();
    while (text && is(",")) {
      ++at_;
      const auto word = operator_here();
      if (!word) return std::nullopt;
      ++at_;
      auto next = part();
      if (!next) return std::nullopt;
      text = fmt::format("{} {} {}", grouped(*text), *word, grouped(*next));
    }
    if (!text || at_ != tokens_.size()) return std::nullopt;
    result_.text = std::move(*text);
    return std::move(result_);
  }

 private:
  bool is(std::string_view token) const { return at_ < tokens_.size() && lower(tokens_[at_]) == token; }
  std::optional<std::string_view> operator_here() const {
    if (is("and")) return "AND";
    if (is("or")) return "OR";
    return std::nullopt;
  }
  static std::string grouped(const std::string& text) {
    return text.find(" AND ") == text.npos && text.find(" OR ") == text.npos ? text : "(" + text + ")";
  }

  std::optional<std::string> part() {
    auto text = license();
    while (text && operator_here()) {
      const auto word = *operator_here();
      ++at_;
      auto next = license();
      if (!next) return std::nullopt;
      text = fmt::format("{} {} {}", *text, word, *next);
    }
    return text;
  }

  /// "GPL-2+", "GPL-2+ with Libtool exception"
  std::optional<std::string> license() {
    if (at_ == tokens_.size() || is(",") || operator_here()) return std::nullopt;
    auto name = tokens_[at_++];
    if (!is("with")) return named(name, spdx_name(name));
    ++at_;
    std::vector<std::string> words;
    while (at_ < tokens_.size() && !is("exception") && !is("exceptions") && !is(",")) words.push_back(tokens_[at_++]);
    if (!is("exception") && !is("exceptions")) return std::nullopt;
    const auto called = fmt::format("{} with {} {}", name, fmt::join(words, " "), tokens_[at_++]);
    const auto license = spdx_name(name);
    const auto exception = license ? spdx_exception(fmt::format("{}", fmt::join(words, " ")), *license) : std::nullopt;
    return named(called, exception ? std::optional(fmt::format("{} WITH {}", *license, *exception)) : std::nullopt);
  }

  std::string named(const std::string& name, std::optional<std::string> spdx) {
    if (spdx) return std::move(*spdx);
    const auto id = reference_id(name);
    result_.references.insert({id, name});
    return id;
  }

  std::vector<std::string> tokens_;
  std::size_t at_ = 0;
  LicenseExpression result_;
};

/// One paragraph's fields that matter, each without its continuation lines.
struct Paragraph {
  bool has_format = false;
  bool has_files = false;
  std::string license;
};

std::vector<Paragraph> paragraphs_of(std::string_view text) {
  std::vector<Paragraph> paragraphs;
  bool is_open = false;
  for (const auto line : lines(text, EmptyLines::kept)) {
    if (trimmed(line).empty()) {
      is_open = false;
      continue;
    }
    if (!std::exchange(is_open, true)) paragraphs.emplace_back();
    const auto colon = line.find(':');
    if (line.front() == ' ' || line.front() == '\t' || colon == line.npos) continue;
    const auto name = lower(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    auto& paragraph = paragraphs.back();
    if (name == "format" && value.find("copyright-format/1.0") != value.npos) paragraph.has_format = true;
    if (name == "files") paragraph.has_files = true;
    if (name == "license") paragraph.license = std::string(value);
  }
  return paragraphs;
}

}  // namespace

LicenseExpression license_expression(std::string_view field) {
  if (auto expression = ExpressionParser(field).parse()) return std::move(*expression);
  const std::string name(trimmed(field));
  return {reference_id(name), {{reference_id(name), name}}};
}

std::optional<LicenseExpression> license_of(std::string_view copyright_file) {
  const auto paragraphs = paragraphs_of(copyright_file);
  if (paragraphs.empty() || !paragraphs.front().has_format) return std::nullopt;
  std::vector<std::string> terms;
  LicenseExpression all;
  for (const auto& paragraph : paragraphs) {
    const bool is_header = paragraph.has_format;
    if (paragraph.license.empty() || (!paragraph.has_files && !is_header)) continue;
    auto expression = license_expression(paragraph.license);
    if (std::ranges::find(terms, expression.text) != terms.end()) continue;
    terms.push_back(std::move(expression.text));
    all.references.merge(expression.references);
  }
  if (terms.empty()) return std::nullopt;
  if (terms.size() > 1)
    for (auto& term : terms)
      if (term.find(" OR ") != term.npos || term.find(" AND ") != term.npos) term = "(" + term + ")";
  all.text = fmt::format("{}", fmt::join(terms, " AND "));
  return all;
}

}  // namespace karapace::deb
