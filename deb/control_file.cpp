// SPDX-License-Identifier: Apache-2.0
#include "deb/control_file.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <strings.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::deb {

namespace {

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// Blanks at the end stay: dpkg keeps them in its status file.
std::string_view without_leading_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

/// Fields of which dpkg knows all words that there are. It reads them without regard to case.
struct LimitedField {
  std::string_view name;
  std::vector<std::string_view> words;
};
const LimitedField limited[] = {
    {"Multi-Arch", {"foreign", "allowed", "same", "no"}}, {"Essential", {"yes", "no"}}, {"Protected", {"yes", "no"}}};

}  // namespace

bool NameOrder::operator()(std::string_view one, std::string_view other) const noexcept {
  const int order = ::strncasecmp(one.data(), other.data(), std::min(one.size(), other.size()));
  return order < 0 || (order == 0 && one.size() < other.size());
}

Stanza Stanza::parse(std::string_view text, std::string_view what) {
  Stanza stanza;
  for (auto line : lines(text)) {
    if (line.front() == ' ' || line.front() == '\t') {
      if (stanza.fields_.empty()) throw StepError(fmt::format("{}: it begins with a continuation line", what));
      stanza.fields_.back().second.append("\n").append(line);
      continue;
    }
    auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      throw StepError(fmt::format("{}: \"{}\" is not a control field", what, line));
    }
    stanza.fields_.emplace_back(line.substr(0, colon), without_leading_blanks(line.substr(colon + 1)));
  }
  return stanza;
}

Stanza Stanza::parse_package(std::string_view text, std::string_view what) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  while (text.ends_with("\n\n")) text.remove_suffix(1);
  if (!text.ends_with('\n')) throw StepError(fmt::format("{}: its last line has no newline", what));
  if (text.find("\n\n") != std::string_view::npos)
    throw StepError(fmt::format("{}: it is of several parts, and a package has one", what));
  if (text.find('\0') != std::string_view::npos) throw StepError(fmt::format("{}: there is a NUL in it", what));
  for (auto line : lines(text))
    if (std::all_of(line.begin(), line.end(), is_blank))
      throw StepError(fmt::format("{}: a value has an empty line: write \" .\"", what));
  auto stanza = parse(text, what);
  stanza.require_package(what);
  stanza.settle_values(what);
  std::erase_if(stanza.fields_, [](const auto& field) { return same_name(field.first, "Conffiles"); });
  return stanza;
}

void Stanza::require_package(std::string_view what) const {
  std::set<std::string_view, NameOrder> names;
  constexpr std::string_view of_dpkg[] = {"Status", "Config-Version", "Triggers-Pending", "Triggers-Awaited"};
  for (const auto& [name, value] : fields_) {
    const auto is_it = [&](std::string_view other) { return same_name(name, other); };
    if (name.starts_with('-') || std::any_of(name.begin(), name.end(), is_blank))
      throw StepError(fmt::format("{}: \"{}\" is no name of a field", what, name));
    if (std::any_of(std::begin(of_dpkg), std::end(of_dpkg), is_it))
      throw StepError(fmt::format("{}: the field \"{}\" is dpkg's, and no package may have it", what, name));
    if (!names.insert(name).second) throw StepError(fmt::format("{}: the field \"{}\" stands in it twice", what, name));
  }
}

void Stanza::settle_values(std::string_view what) {
  for (const auto& [name, words] : limited) {
    const auto written = value(name);
    if (written.empty()) continue;
    auto word = in_small_letters(written);
    if (std::find(words.begin(), words.end(), word) == words.end())
      throw StepError(fmt::format("{}: {} is \"{}\", and dpkg knows only {}", what, name,
                                  escaped_utf8(written.substr(0, 80)), fmt::join(words, ", ")));
    if (word != written) set(name, std::move(word));
  }
  if (value("Multi-Arch") == "same" && value("Architecture") == "all")
    throw StepError(fmt::format("{}: Multi-Arch is \"same\", which no package of architecture all can be", what));
}

std::string_view Stanza::value(std::string_view name) const noexcept {
  for (const auto& [field, value] : fields_) {
    if (!same_name(field, name)) continue;
    std::string_view text = value;
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
  }
  return {};
}

void Stanza::set(std::string_view name, std::string value) {
  for (auto& [field, old] : fields_) {
    if (!same_name(field, name)) continue;
    old = std::move(value);
    return;
  }
  auto place = fields_.empty() ? fields_.end() : fields_.begin() + 1;
  fields_.emplace(place, std::string(name), std::move(value));
}

std::string Stanza::text() const {
  std::string text;
  for (const auto& [name, value] : fields_) {
    text += name;
    text += ':';
    if (!value.empty() && value.front() != '\n') text += ' ';
    text += value;
    text += '\n';
  }
  return text;
}

std::vector<Stanza> parse_stanzas(std::string_view text, std::string_view what) {
  std::vector<Stanza> stanzas;
  while (!text.empty()) {
    auto end = std::min(text.find("\n\n"), text.size());
    auto part = text.substr(0, end);
    if (!lines(part).empty()) stanzas.push_back(Stanza::parse(part, what));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return stanzas;
}

}  // namespace karapace::deb
