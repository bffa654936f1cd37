// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/preference.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "generator/manifest/package_request.hpp"

namespace karapace::manifest {

namespace {

Complaint judge_pattern(std::string_view pattern) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("+.-*?[]!").find(c) != std::string_view::npos;
  };
  if (pattern.empty()) return "has no package before its mark; a suite for all packages is written alone";
  if (!std::all_of(pattern.begin(), pattern.end(), allowed))
    return "is no pattern of package names: a-z, 0-9, \"+\", \".\", \"-\", and \"*\", \"?\" and \"[...]\" as in a "
           "shell";
  if (std::count(pattern.begin(), pattern.end(), '[') != std::count(pattern.begin(), pattern.end(), ']'))
    return "has a \"[\" without its \"]\"";
  return std::nullopt;
}

/// Any name stands for the pattern: what is said of architectures, versions and suites is as of a request.
std::string as_request(std::string_view word, std::size_t end_of_pattern) {
  return "xx" + std::string(word.substr(end_of_pattern));
}

}  // namespace

Complaint judge_preference(std::string_view word) {
  const auto mark = word.find_first_of("=/");
  if (mark == word.npos) return judge_suite(word);
  const auto end = std::min(word.find(':'), mark);
  const auto pattern = word.substr(0, end);
  if (pattern == "src") return "names a source package: write a pattern of the packages that are made from it";
  if (auto complaint = judge_pattern(pattern)) return complaint;
  if (word[mark] == '=' && word.find_first_not_of('*', mark + 1) == word.npos)
    return "prefers any version, which says nothing: remove it";
  if (const auto architecture = word.substr(end, mark - end);
      architecture == ":any" || architecture == ":all" || architecture == ":native")
    return fmt::format("has \"{}\", which is no architecture of its own: leave it out", architecture);
  return judge_package_request(as_request(word, end));
}

Preference preference(std::string_view word) {
  const auto mark = word.find_first_of("=/");
  if (mark == word.npos) return {.source = std::string(word)};
  const auto end = std::min(word.find(':'), mark);
  auto said = package_request(as_request(word, end));
  return {.pattern = std::string(word.substr(0, end)),
          .architecture = std::move(said.architecture),
          .version = std::move(said.version),
          .source = std::move(said.suite)};
}

}  // namespace karapace::manifest
