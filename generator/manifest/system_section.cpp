// SPDX-License-Identifier: Apache-2.0
// [system]: the distribution's packages, and how they are chosen and installed.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "generator/manifest/manifest.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/manifest/section.hpp"
#include "generator/manifest/suites.hpp"

namespace karapace::manifest {

namespace {

void sort_unique(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

/// A string, or a boolean for a question that is answered with one.
std::optional<Word> answer_of(Section& answers, const toml::node& node, std::string_view what) {
  if (const auto* flag = node.as_boolean()) return Word{flag->get() ? "true" : "false", node.source().begin};
  return answers.text_of(node, what);
}

void read_answers(Section& answers, Manifest& manifest) {
  for (const auto& [key, node] : answers.table()) {
    answers.find(key.str());
    Word question{std::string(key.str()), key.source().begin};
    auto what = fmt::format("the answer to \"{}\"", question.text);
    auto answer = answer_of(answers, node, what);
    if (!answers.pleases(question, "question", judge_question) || !answer) continue;
    if (auto complaint = judge_answer(answer->text))
      answers.problem(answer->at, fmt::format("{} {}", what, *complaint));
    manifest.answers[question.text] = answer->text;
  }
  if (manifest.packages.empty() && !manifest.answers.empty())
    answers.problem(answers.at(), "system.answers is for the questions of system.packages, and there are none");
}

/// One of a name: two wishes for one package would be a riddle.
void refuse_second(Section& system, const Word& package, const std::vector<Word>& before) {
  auto name = package_request(package.text).qualified_name();
  for (const auto& other : before) {
    if (other.text == package.text || package_request(other.text).qualified_name() != name) continue;
    return system.problem(package.at, fmt::format("package \"{}\" is asked for as \"{}\", too: leave one of them out",
                                                  package.text, other.text));
  }
}

/// Of an archive only its own files say which suites belong to it: then the resolver judges.
void judge_suite_of(Section& system, const Word& package, const Manifest& manifest) {
  auto wanted = package_request(package.text).suite;
  const auto* base = std::get_if<BaseSuite>(&manifest.base);
  if (wanted.empty() || base == nullptr || base->suite.empty()) return;
  std::vector<std::string> additional;
  for (const auto& repository : manifest.repositories) additional.push_back(repository.suite);
  if (auto complaint = judge_known_suite(wanted, *base, additional))
    system.problem(package.at, fmt::format("package \"{}\": {}", package.text, *complaint));
}

void read_packages(Section& system, Manifest& manifest) {
  std::vector<Word> packages;
  for (auto& package : system.words("packages")) {
    if (package.text.empty() || !system.pleases(package, "package", judge_package_request)) continue;
    judge_suite_of(system, package, manifest);
    refuse_second(system, package, packages);
    manifest.packages.push_back(package.text);
    packages.push_back(std::move(package));
  }
  sort_unique(manifest.packages);
}

}  // namespace

void read_system(Section& system, Manifest& manifest) {
  read_packages(system, manifest);
  manifest.recommends = system.boolean("recommends");
  for (const auto& package : system.words("hold")) {
    if (system.pleases(package, "held package", judge_qualified_name)) manifest.hold.push_back(package.text);
  }
  sort_unique(manifest.hold);
  system.section("answers", [&](Section& section) { read_answers(section, manifest); });
}

}  // namespace karapace::manifest
