// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/suites.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/nearest_word.hpp"

namespace karapace::manifest {

namespace {

using Use = ReleaseSuite::Use;

bool rolls(std::string_view suite) { return suite == "sid" || suite == "unstable" || suite == "experimental"; }

}  // namespace

std::vector<ReleaseSuite> suites_of(std::string_view distribution, std::string_view suite) {
  const std::string archive(distribution);
  std::vector<ReleaseSuite> suites{{archive, std::string(suite)}};
  if (rolls(suite)) {
    if (suite != "experimental") suites.push_back({archive, "experimental", Use::when_asked});
    return suites;
  }
  const bool is_debian = distribution == "debian";
  auto add = [&](std::string of, std::string_view pocket, Use use) {
    suites.push_back({std::move(of), fmt::format("{}-{}", suite, pocket), use});
  };
  add(archive, "updates", Use::always);
  add(is_debian ? "debian-security" : archive, "security", Use::always);
  add(archive, "backports", Use::when_asked);
  if (is_debian) add(archive, "backports-sloppy", Use::when_asked);
  add(archive, is_debian ? "proposed-updates" : "proposed", Use::when_asked);
  return suites;
}

Complaint judge_known_suite(std::string_view word, const BaseSuite& base, const std::vector<std::string>& additional) {
  auto known = additional;
  for (auto& one : suites_of(base.distribution, base.suite)) known.push_back(std::move(one.suite));
  if (std::find(known.begin(), known.end(), word) != known.end()) return std::nullopt;
  std::vector<std::string_view> words(known.begin(), known.end());
  auto meant = nearest_word(word, words);
  auto hint = meant ? fmt::format("did you mean \"{}\"?", *meant)
                    : fmt::format("there are {}; others need a repository in [repositories]", fmt::join(known, ", "));
  return fmt::format("the suite \"{}\" does not belong to {}; {}", word, text(Base(base)), hint);
}

}  // namespace karapace::manifest
