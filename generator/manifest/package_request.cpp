// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/package_request.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace karapace::manifest {

namespace {

/// A version, or a pattern: the characters of Debian policy 5.6.12, and "*".
Complaint judge_version_pattern(std::string_view version) {
  if (version.empty()) return "has no version behind \"=\"";
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".+:~-*").find(c) != std::string_view::npos;
  };
  if (!std::all_of(version.begin(), version.end(), allowed)) {
    return fmt::format("asks for the version \"{}\", which has characters that no version has", version);
  }
  if (version.find_first_not_of('*') == std::string_view::npos) return "asks for any version: leave out what follows";
  return std::nullopt;
}

Complaint judge_rest(const PackageRequest& request, char mark) {
  if (mark == '=') return judge_version_pattern(request.version);
  auto complaint = judge_suite(request.suite);
  if (!complaint) return std::nullopt;
  return request.suite.empty() ? "has no suite behind \"/\""
                               : fmt::format("asks for the suite \"{}\", which {}", request.suite, *complaint);
}

}  // namespace

Complaint judge_package_request(std::string_view word) {
  auto mark = word.find_first_of("=/");
  if (auto complaint = judge_qualified_name(word.substr(0, mark))) return complaint;
  if (mark == std::string_view::npos) return std::nullopt;
  return judge_rest(package_request(word), word[mark]);
}

PackageRequest package_request(std::string_view word) {
  auto mark = std::min(word.find_first_of("=/"), word.size());
  auto name = word.substr(0, mark);  // the versions behind a mark may have colons, too
  auto colon = std::min(name.find(':'), name.size());
  PackageRequest request{.name = std::string(name.substr(0, colon)),
                         .architecture = std::string(name.substr(std::min(colon + 1, name.size())))};
  auto rest = word.substr(std::min(mark + 1, word.size()));
  if (mark < word.size()) (word[mark] == '=' ? request.version : request.suite) = rest;
  return request;
}

}  // namespace karapace::manifest
