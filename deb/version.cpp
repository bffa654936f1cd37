// SPDX-License-Identifier: Apache-2.0
#include "deb/version.hpp"

#include <algorithm>

#include "base/words.hpp"

namespace karapace::deb {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// '~' sorts before the end, letters before everything else.
int weight(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size() || is_digit(text[at])) return 0;
  char c = text[at];
  if (c == '~') return -1;
  return is_letter(c) ? c : c + 256;
}

std::string_view take_number(std::string_view& text) noexcept {
  while (!text.empty() && text.front() == '0') text.remove_prefix(1);
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  auto number = text.substr(0, length);
  text.remove_prefix(length);
  return number;
}

std::strong_ordering compare_part(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    std::size_t i = 0;
    while ((i < a.size() && !is_digit(a[i])) || (i < b.size() && !is_digit(b[i]))) {
      if (weight(a, i) != weight(b, i)) return weight(a, i) <=> weight(b, i);
      ++i;
    }
    a.remove_prefix(std::min(i, a.size()));
    b.remove_prefix(std::min(i, b.size()));
    auto x = take_number(a);
    auto y = take_number(b);
    if (x.size() != y.size()) return x.size() <=> y.size();
    if (x != y) return x <=> y;
  }
  return std::strong_ordering::equal;
}

struct Version {
  std::string_view epoch = "0";
  std::string_view upstream;
  std::string_view revision = "0";
};

Version parse_version(std::string_view text) noexcept {
  Version version;
  if (auto colon = text.find(':'); colon != std::string_view::npos) {
    version.epoch = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (auto dash = text.rfind('-'); dash != std::string_view::npos) {
    version.revision = text.substr(dash + 1);
    text = text.substr(0, dash);
  }
  version.upstream = text;
  return version;
}

bool consists_of(std::string_view text, bool (*allowed)(char)) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

bool in_revision(char c) noexcept { return is_digit(c) || is_letter(c) || c == '.' || c == '+' || c == '~'; }
bool in_upstream(char c) noexcept { return in_revision(c) || c == '-' || c == ':'; }

constexpr std::string_view largest_epoch = "2147483647";  // dpkg keeps it in an int

bool satisfies(std::string_view version, std::string_view relation) {
  auto operators = relation.find_first_not_of("<>=");
  auto sign = relation.substr(0, std::min(operators, relation.size()));
  auto order = compare_versions(version, trimmed(relation.substr(sign.size())));
  if (sign == "<<") return order < 0;
  if (sign == "<=" || sign == "<") return order <= 0;
  if (sign == ">=" || sign == ">") return order >= 0;
  if (sign == ">>") return order > 0;
  return order == 0;
}

/// Without the empty ones.
std::vector<std::string_view> parts(std::string_view text, char separator) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    auto end = std::min(text.find(separator), text.size());
    if (auto part = trimmed(text.substr(0, end)); !part.empty()) result.push_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

Relation relation_from(std::string_view item) {
  auto open = std::min(item.find('('), item.size());
  auto name = trimmed(item.substr(0, open));
  auto colon = std::min(name.find(':'), name.size());
  auto architecture = name.substr(std::min(colon + 1, name.size()));
  auto close = std::min(item.find(')'), item.size());
  auto relation = open == item.size() ? std::string_view() : trimmed(item.substr(open + 1, close - open - 1));
  return {std::string(name.substr(0, colon)), std::string(relation), std::string(architecture)};
}

}  // namespace

bool is_version(std::string_view text) noexcept {
  const auto [epoch, upstream, revision] = parse_version(text);
  const auto number = epoch.substr(std::min(epoch.find_first_not_of('0'), epoch.size()));
  if (number.size() > largest_epoch.size() || (number.size() == largest_epoch.size() && number > largest_epoch))
    return false;
  return consists_of(epoch, is_digit) && consists_of(upstream, in_upstream) && is_digit(upstream.front()) &&
         consists_of(revision, in_revision);
}

std::strong_ordering compare_versions(std::string_view a, std::string_view b) {
  auto x = parse_version(a);
  auto y = parse_version(b);
  if (auto order = compare_part(x.epoch, y.epoch); order != 0) return order;
  if (auto order = compare_part(x.upstream, y.upstream); order != 0) return order;
  return compare_part(x.revision, y.revision);
}

bool Relation::holds_for(std::string_view version) const { return relation.empty() || satisfies(version, relation); }

std::vector<std::vector<Relation>> alternatives(std::string_view field) {
  std::vector<std::vector<Relation>> groups;
  for (auto group : parts(field, ',')) {
    groups.emplace_back();
    for (auto item : parts(group, '|')) groups.back().push_back(relation_from(item));
  }
  return groups;
}

bool names_package(std::string_view field, std::string_view package, std::string_view version) {
  const auto groups = alternatives(field);
  return std::any_of(groups.begin(), groups.end(), [&](const auto& group) {
    return std::any_of(group.begin(), group.end(),
                       [&](const Relation& one) { return one.name == package && one.holds_for(version); });
  });
}

}  // namespace karapace::deb
