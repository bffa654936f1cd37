// SPDX-License-Identifier: Apache-2.0
#include "generator/project/step_words.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

namespace {

bool is_hex(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::optional<StepKey> step_named(const StepLibrary& library, const std::string& word) {
  auto digits = std::filesystem::path(word).filename().native();
  if (digits.size() < 4 || digits.size() > 64 || !is_hex(digits)) return std::nullopt;
  auto found = library.matching(digits);
  if (found.empty()) return std::nullopt;
  if (found.size() == 1) return found[0];
  std::string message = fmt::format("{} steps begin with \"{}\":", found.size(), digits);
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 10); ++i) {
    message += fmt::format("\n  {} {}", found[i].short_hex(), library.find(found[i]).title());
  }
  throw NotFoundError(message);
}

}  // namespace karapace::project
