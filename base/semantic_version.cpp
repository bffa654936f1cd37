// SPDX-License-Identifier: Apache-2.0
#include "base/semantic_version.hpp"

#include <cstddef>
#include <utility>

namespace karapace {

namespace {

using std::string_view;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_identifier_character(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

bool is_number(string_view text) noexcept {
  for (const char c : text)
    if (!is_digit(c)) return false;
  return !text.empty();
}
bool is_plain_number(string_view text) noexcept { return is_number(text) && (text.size() == 1 || text[0] != '0'); }

string_view first(string_view text, std::size_t size) noexcept { return {text.data(), size}; }

/// Takes what stands before `separator`, and the separator, from the front.
string_view take_until(string_view& text, char separator) noexcept {
  const auto end = text.find(separator);
  const auto taken = end == string_view::npos ? text : first(text, end);
  text.remove_prefix(end == string_view::npos ? text.size() : end + 1);
  return taken;
}

enum class LeadingZeros { allowed, refused };

/// "" is one that is not there; a separator without anything behind it was seen by the caller.
bool are_identifiers(string_view text, LeadingZeros zeros) noexcept {
  if (text.empty() || text.back() == '.') return false;
  while (!text.empty()) {
    const auto identifier = take_until(text, '.');
    if (identifier.empty()) return false;
    for (const char c : identifier)
      if (!is_identifier_character(c)) return false;
    if (zeros == LeadingZeros::refused && is_number(identifier) && !is_plain_number(identifier)) return false;
  }
  return true;
}

string_view without_leading_zeros(string_view digits) noexcept {
  while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
  return digits;
}

std::strong_ordering order_of_numbers(string_view one, string_view other) noexcept {
  one = without_leading_zeros(one);
  other = without_leading_zeros(other);
  if (one.size() != other.size()) return one.size() <=> other.size();
  return one <=> other;
}

std::strong_ordering order_of_identifiers(string_view one, string_view other) noexcept {
  const bool numbers[] = {is_number(one), is_number(other)};
  if (numbers[0] && numbers[1]) return order_of_numbers(one, other);
  if (numbers[0] != numbers[1]) return numbers[0] ? std::strong_ordering::less : std::strong_ordering::greater;
  return one <=> other;
}

std::strong_ordering order_of_prereleases(string_view one, string_view other) noexcept {
  if (one.empty() || other.empty()) return other.size() <=> one.size();  // a release is above
  while (!one.empty() && !other.empty()) {
    const auto order = order_of_identifiers(take_until(one, '.'), take_until(other, '.'));
    if (order != 0) return order;
  }
  return one.size() <=> other.size();
}

/// As people write versions: numbers with dots, as many as there are.
struct NumberedVersion {
  string_view numbers;
  string_view prerelease;
  string_view metadata;
};

std::optional<NumberedVersion> parse_numbered_version(string_view text) noexcept {
  NumberedVersion version;
  for (const auto& [separator, part] : {std::pair{'+', &version.metadata}, std::pair{'-', &version.prerelease}}) {
    const auto begin = text.find(separator);
    if (begin == string_view::npos) continue;
    *part = text;
    part->remove_prefix(begin + 1);
    if (!are_identifiers(*part, LeadingZeros::allowed)) return std::nullopt;
    text = first(text, begin);
  }
  version.numbers = text;
  if (text.empty() || text.back() == '.') return std::nullopt;
  while (!text.empty())
    if (!is_number(take_until(text, '.'))) return std::nullopt;
  return version;
}

/// Numbers that are not written are 0.
std::strong_ordering order_of_dotted_numbers(string_view one, string_view other) noexcept {
  while (!one.empty() || !other.empty()) {
    const auto a = take_until(one, '.'), b = take_until(other, '.');
    const auto order = order_of_numbers(a.empty() ? "0" : a, b.empty() ? "0" : b);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering order_of_numbered(const NumberedVersion& one, const NumberedVersion& other) noexcept {
  if (const auto order = order_of_dotted_numbers(one.numbers, other.numbers); order != 0) return order;
  if (const auto order = order_of_prereleases(one.prerelease, other.prerelease); order != 0) return order;
  if (one.metadata.empty() != other.metadata.empty()) return other.metadata.size() <=> one.metadata.size();
  return one.metadata <=> other.metadata;
}

string_view take_digits(string_view& text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  const auto taken = first(text, size);
  text.remove_prefix(size);
  return taken;
}

/// As people sort: digits as numbers, which are above everything else; other characters by their bytes.
std::strong_ordering order_of_words(string_view one, string_view other) noexcept {
  while (!one.empty() && !other.empty()) {
    const bool digits[] = {is_digit(one[0]), is_digit(other[0])};
    if (digits[0] != digits[1]) return digits[0] ? std::strong_ordering::greater : std::strong_ordering::less;
    const auto order = digits[0] ? order_of_numbers(take_digits(one), take_digits(other)) : one[0] <=> other[0];
    if (order != 0) return order;
    if (digits[0]) continue;
    one.remove_prefix(1);
    other.remove_prefix(1);
  }
  return one.size() <=> other.size();
}

}  // namespace

std::optional<SemanticVersion> parse_semantic_version(string_view text) noexcept {
  SemanticVersion version;
  const auto plus = text.find('+');
  if (plus != string_view::npos) {
    version.metadata = text;
    version.metadata.remove_prefix(plus + 1);
    if (!are_identifiers(version.metadata, LeadingZeros::allowed)) return std::nullopt;
    text = first(text, plus);
  }
  const auto hyphen = text.find('-');
  if (hyphen != string_view::npos) {
    version.prerelease = text;
    version.prerelease.remove_prefix(hyphen + 1);
    if (!are_identifiers(version.prerelease, LeadingZeros::refused)) return std::nullopt;
    text = first(text, hyphen);
  }
  version.major = take_until(text, '.');
  version.minor = take_until(text, '.');
  version.patch = text;
  for (const auto number : {version.major, version.minor, version.patch})
    if (!is_plain_number(number)) return std::nullopt;
  return version;
}

std::weak_ordering precedence(const SemanticVersion& one, const SemanticVersion& other) noexcept {
  for (const auto field : {&SemanticVersion::major, &SemanticVersion::minor, &SemanticVersion::patch}) {
    const auto order = order_of_numbers(one.*field, other.*field);
    if (order != 0) return order;
  }
  return order_of_prereleases(one.prerelease, other.prerelease);
}

std::optional<BuildName> parse_build_name(string_view text) noexcept {
  constexpr std::size_t most_digits = 10;
  const auto plus = text.rfind('+');
  if (plus == string_view::npos || plus == 0) return std::nullopt;
  BuildName name{.version = first(text, plus)};
  text.remove_prefix(plus + 1);
  if (!is_plain_number(text) || text.size() > most_digits || text[0] == '0') return std::nullopt;
  for (const char c : text) name.build = name.build * 10 + static_cast<std::uint64_t>(c - '0');
  if (name.build > most_builds) return std::nullopt;
  return name;
}

VersionForm form_of(string_view version) noexcept {
  const auto numbered = parse_numbered_version(version);
  if (!numbered) return VersionForm::word;
  return numbered->prerelease.empty() ? VersionForm::release : VersionForm::prerelease;
}

std::strong_ordering order_of_builds(const BuildName& one, const BuildName& other) noexcept {
  const auto a = parse_numbered_version(one.version), b = parse_numbered_version(other.version);
  if (a.has_value() != b.has_value()) return a ? std::strong_ordering::greater : std::strong_ordering::less;
  const auto order = a ? order_of_numbered(*a, *b) : order_of_words(one.version, other.version);
  if (order != 0) return order;
  if (one.version != other.version) return one.version <=> other.version;
  return one.build <=> other.build;
}

bool is_lower_build(string_view one, string_view other) noexcept {
  const auto a = parse_build_name(one), b = parse_build_name(other);
  return a && b && order_of_builds(*a, *b) < 0;
}

}  // namespace karapace
