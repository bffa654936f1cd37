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
#include "generator/manifest/preference.hpp"
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
Complaint judge_source(std::string_view source, const Manifest& manifest) {
  const auto* base = std::get_if<BaseSuite>(&manifest.base);
  if (source.empty() || base == nullptr || base->suite.empty()) return std::nullopt;
  std::vector<std::string> additional;
  for (const auto& repository : manifest.repositories)
    additional.insert(additional.end(), {repository.suite, repository.name});
  return judge_known_suite(source, *base, additional);
}

void judge_suite_of(Section& system, const Word& package, const Manifest& manifest) {
  if (auto complaint = judge_source(package_request(package.text).suite, manifest))
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

void read_hold(Section& system, Manifest& manifest) {
  auto& hold = manifest.hold;
  for (auto& package : system.words("hold")) {
    if (system.pleases(package, "held package", judge_qualified_name))
      hold.push_back({std::move(package.text), system.problems().place(package.at)});
  }
  std::ranges::stable_sort(hold, {}, &PlacedWord::text);
  const auto repeated = std::ranges::unique(hold);
  hold.erase(repeated.begin(), repeated.end());
}

void read_preference(Section& system, Word word, Manifest& manifest) {
  if (word.text.starts_with("*/")) word.text.erase(0, 2);
  if (!system.pleases(word, "preference", judge_preference)) return;
  const auto wanted = preference(word.text);
  if (auto complaint = judge_source(wanted.source, manifest)) {
    const auto hint = wanted.pattern.empty()
                          ? fmt::format("; a package is preferred as \"{0}/SUITE\" or \"{0}=VERSION\"", word.text)
                          : std::string();
    return system.problem(word.at, fmt::format("preference \"{}\": {}{}", word.text, *complaint, hint));
  }
  PlacedWord placed{std::move(word.text), system.problems().place(word.at)};
  if (std::ranges::find(manifest.prefer, placed) == manifest.prefer.end()) manifest.prefer.push_back(std::move(placed));
}

void read_preferences(Section& system, Manifest& manifest) {
  for (auto& word : system.words("prefer"))
    if (!word.text.empty()) read_preference(system, std::move(word), manifest);
}

}  // namespace

void read_system(Section& system, Manifest& manifest) {
  read_packages(system, manifest);
  manifest.recommends = system.boolean("recommends");
  read_hold(system, manifest);
  read_preferences(system, manifest);
  system.section("answers", [&](Section& section) { read_answers(section, manifest); });
}

}  // namespace karapace::manifest
