// SPDX-License-Identifier: Apache-2.0
#include "generator/lock/lock_rules.hpp"

#include <algorithm>

namespace karapace::generator {

namespace {

bool consists_of(std::string_view word, std::string_view others, bool upper) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
  });
}

}  // namespace

Complaint judge_version(std::string_view word) {
  if (consists_of(word, ".+:~-", true)) return std::nullopt;
  return "is not a version";
}

Complaint judge_word(std::string_view word) {
  if (consists_of(word, "-", false) && word[0] != '-') return std::nullopt;
  return "must consist of a-z, 0-9 and \"-\"";
}

Complaint judge_date(std::string_view word) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
  bool fits = word.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == 'd' ? word[i] >= '0' && word[i] <= '9' : word[i] == shape[i];
  }
  if (fits) return std::nullopt;
  return "is not a date such as \"2026-07-11T10:16:37Z\"";
}

Complaint judge_fingerprint(std::string_view word) {
  bool length = word.size() == 40 || word.size() == 64;
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  if (length && std::all_of(word.begin(), word.end(), hex)) return std::nullopt;
  return "is not a fingerprint: 40 upper-case hex digits";
}

}  // namespace karapace::generator
