// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/deb/debconf_answers.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/nearest_word.hpp"
#include "base/words.hpp"

namespace karapace::steps::deb {

namespace {

struct Question {
  std::string owner;
  std::string type;
};
using Questions = std::map<std::string, Question, std::less<>>;
using Answers = std::map<std::string, std::string>;

/// The value of "NAME: value", or nothing.
std::string_view field(std::string_view line, std::string_view name) {
  return line.starts_with(name) ? trimmed(line.substr(name.size())) : std::string_view();
}

void add_questions(Questions& questions, const DebPackage& package) {
  const auto templates = package.control("templates");
  Question* last = nullptr;
  for (auto line : lines(templates)) {
    if (auto name = field(line, "Template:"); !name.empty())
      last = &questions.insert_or_assign(std::string(name), Question{package.name, "string"}).first->second;
    if (auto type = field(line, "Type:"); !type.empty() && last != nullptr) last->type = type;
  }
}

Answers answers_of(std::string_view parameter) {
  try {
    return nlohmann::json::parse(parameter).get<Answers>();
  } catch (const nlohmann::json::exception& error) {
    throw StepError(fmt::format("install step: the parameter \"answers\" is not understood: {}", error.what()));
  }
}

[[noreturn]] void refuse(const std::string& name, const Questions& questions) {
  std::vector<std::string_view> known;
  for (const auto& [question, details] : questions) known.push_back(question);
  const auto nearest = nearest_word(name, known);
  throw StepError(fmt::format("install: none of the packages asks \"{}\" (system.answers){}", name,
                              nearest ? fmt::format("; did you mean \"{}\"?", *nearest)
                                      : "; those of the base are configured before: change what they made by "
                                        "[setup] run"));
}

/// The type stands before the answer in a line that debconf takes apart at blanks: debconf-devel(7).
void require_type(const std::string& name, const Question& question) {
  constexpr std::array<std::string_view, 9> known = {"string", "boolean", "select", "multiselect", "password",
                                                     "text",   "note",    "title",  "error"};
  if (std::find(known.begin(), known.end(), question.type) != known.end()) return;
  throw StepError(
      fmt::format("install: the templates of {} give \"{}\" the type \"{}\", which debconf does not know: "
                  "leave the answer out of system.answers, or tell who keeps the package",
                  question.owner, escaped_utf8(name), escaped_utf8(question.type.substr(0, 80))));
}

}  // namespace

std::string debconf_selections(std::string_view parameter, const std::deque<DebPackage>& packages) {
  Questions questions;
  for (const auto& package : packages) add_questions(questions, package);
  std::string text;
  for (const auto& [name, answer] : answers_of(parameter)) {
    const auto question = questions.find(name);
    if (question == questions.end()) refuse(name, questions);
    require_type(name, question->second);
    text += fmt::format("{} {} {} {}\n", question->second.owner, name, question->second.type, answer);
  }
  return text;
}

}  // namespace karapace::steps::deb
