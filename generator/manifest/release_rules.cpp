// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/release_rules.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/semantic_version.hpp"
#include "store/release_document.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::manifest {

namespace {

constexpr std::array<std::string_view, 3> passing_places = {"/build", "/tmp", "/run"};  // sources lie in the first

constexpr std::array<std::string_view, 20> taken_variables = {
    "out", "src",  "jobs",     "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LC_ALL",    "LANG",
    "TZ",  "TERM", "BASH_ENV", "ENV",  "IFS",  "PWD",  "OLDPWD",  "SHLVL", "MAKEFLAGS", "CDPATH"};

/// Also one that is too great for a build.
bool ends_in_a_number(std::string_view word) {
  const auto plus = word.rfind('+');
  return plus != word.npos && plus + 1 < word.size() &&
         word.find_first_not_of("0123456789", plus + 1) == std::string_view::npos;
}

}  // namespace

Complaint judge_release_word(std::string_view word) {
  if (store::is_release_word(word)) return std::nullopt;
  return "must consist of letters, digits and . _ + - ~, and begin with a letter, a digit or _";
}

Complaint judge_release_version(std::string_view word) {
  if (auto complaint = judge_release_word(word)) return complaint;
  if (word == latest_link || word == stable_link) return "is the name of a link of every release, and no version";
  if (ends_in_a_number(word)) return "ends in + and a number, as the builds of a version are called: leave that away";
  return std::nullopt;
}

Complaint judge_destination(std::string_view word) {
  if (auto complaint = judge_inner_path(word)) return complaint;
  if (auto place = store::reserved_place(word))
    return fmt::format("lies in {}, which the sandbox makes itself", *place);
  for (const auto place : passing_places)
    if (word == place || (word.starts_with(place) && word[place.size()] == '/'))
      return fmt::format("lies in {}, where nothing of a build stays", place);
  return std::nullopt;
}

bool is_taken_variable(std::string_view name) noexcept {
  return std::ranges::find(taken_variables, name) != taken_variables.end();
}

}  // namespace karapace::manifest
