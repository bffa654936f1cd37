// SPDX-License-Identifier: Apache-2.0
#include "generator/graph/diff/diff_words.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/words.hpp"

namespace karapace::diff {

namespace {

using State = EnvironmentChange::State;

std::vector<std::string> names_of(const GraphDiff& diff, State state) {
  std::vector<std::string> names;
  for (const auto& environment : diff.environments) {
    if (environment.state == state) names.push_back(environment.name);
  }
  return names;
}

std::string environments_text(const std::vector<std::string>& names, std::string_view one, std::string_view many) {
  constexpr std::size_t most = 3;
  if (names.size() == 1) return fmt::format("environment {} {}", names[0], one);
  if (names.size() <= most) return fmt::format("environments {} {}", some_of(names, most), many);
  return fmt::format("{} environments {}", names.size(), many);
}

/// "183 → 184 packages" where both count the same things.
std::string subject_change(std::string_view before, std::string_view after) {
  if (before == after) return std::string(after);
  auto number_end = before.find(' ');
  bool counts = number_end != std::string_view::npos && after.find(' ') != std::string_view::npos &&
                before.substr(number_end) == after.substr(after.find(' '));
  if (counts) return fmt::format("{} → {}", before.substr(0, number_end), after);
  return fmt::format("{} → {}", before, after);
}

std::string_view without_base(std::string_view subject) {
  if (subject.starts_with("base ")) subject.remove_prefix(5);
  return subject;
}

constexpr std::array<std::string_view, stages.size()> stage_words = {"base", "install", "setup", "commit",
                                                                     "environment"};

}  // namespace

std::string some_of(const std::vector<std::string>& words, std::size_t most) {
  auto shown = words.size() <= most + 1 ? words.size() : most;  // "and 1 more" is as long as the word
  auto text = fmt::format("{}", fmt::join(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < words.size()) text += fmt::format(" and {} more", words.size() - shown);
  return text;
}

std::string change_headline(const GraphDiff& diff) {
  std::vector<std::string> parts;
  auto add = [&](State state, std::string_view one, std::string_view many) {
    auto names = names_of(diff, state);
    if (!names.empty()) parts.push_back(environments_text(names, one, many));
  };
  add(State::changed, "changes", "change");
  add(State::added, "is new", "are new");
  add(State::removed, "is gone", "are gone");
  if (!parts.empty()) return fmt::format("{}", fmt::join(parts, ", "));
  return diff.steps.empty() ? "nothing changes" : "the graph changes";
}

std::string steps_headline(const GraphDiff& diff) {
  auto total = diff.steps_after;
  auto added = total - diff.steps_same;
  auto removed = diff.steps_before - diff.steps_same;
  if (added == 0 && removed == 0) return fmt::format("all {} are the same", counted(total, "step"));
  auto verb = [](std::size_t count) { return count == 1 ? "is" : "are"; };
  auto text = fmt::format("{} of {} {} the same", diff.steps_same, counted(total, "step"), verb(diff.steps_same));
  if (added > 0) text += fmt::format(", {} {} new", added, verb(added));
  if (removed > 0) text += fmt::format(", {} {} gone", removed, verb(removed));
  return text;
}

std::string consequence_text(const Consequence& consequence) {
  bool one = consequence.count == 1;
  auto verb = !consequence.before  ? (one ? "is new" : "are new")
              : !consequence.after ? (one ? "goes" : "go")
                                   : (one ? "changes" : "change");
  auto word = stage_words[static_cast<std::size_t>(consequence.stage)];
  if (consequence.stage == Stage::environment) {
    constexpr std::size_t most = 6;
    bool single = consequence.environments.size() == 1;
    auto plural = !consequence.before ? "are new" : !consequence.after ? "go" : "change";
    return fmt::format("environment{} {} {}", single ? "" : "s", some_of(consequence.environments, most),
                       single ? verb : plural);
  }
  if (!one) return fmt::format("{} {}", counted(consequence.count, word), verb);
  auto subject = subject_change(without_base(consequence.before.value_or(consequence.after.value_or(""))),
                                without_base(consequence.after.value_or(consequence.before.value_or(""))));
  return fmt::format("{} ({}) {}", word, subject, verb);
}

std::string package_text(const PackageChange& change) {
  if (change.before && change.after) {
    if (change.before == change.after) return fmt::format("{} {}", change.name, *change.after);
    return fmt::format("{} {} → {}", change.name, *change.before, *change.after);
  }
  return fmt::format("{} {}", change.name, change.after.value_or(change.before.value_or("")));
}

std::vector<Following> following(const Cause& cause) {
  std::array<Following, 3> all = {{{"brings", {}}, {"takes with it", {}}, {"changes", {}}}};
  if (!is_root(cause)) all = {{{"together they bring", {}}, {"together they take with them", {}}, {"they change", {}}}};
  for (const auto& change : cause.follows) {
    auto& list = !change.before ? all[0] : !change.after ? all[1] : all[2];
    list.packages.push_back(package_text(change));
  }
  std::vector<Following> some;
  for (auto& list : all) {
    if (!list.packages.empty()) some.push_back(std::move(list));
  }
  return some;
}

bool is_root(const Cause& cause) { return cause.kind != CauseKind::dependencies; }

std::size_t root_count(const GraphDiff& diff) {
  auto root = [](const RootCause& cause) { return is_root(cause.cause); };
  return static_cast<std::size_t>(std::count_if(diff.causes.begin(), diff.causes.end(), root));
}

Sign sign_of(const Cause& cause) {
  switch (cause.kind) {
    case CauseKind::environment_added:
    case CauseKind::package_added:
    case CauseKind::file_added:
    case CauseKind::layer_added:
    case CauseKind::command_added: return Sign::added;
    case CauseKind::environment_removed:
    case CauseKind::package_removed:
    case CauseKind::file_removed:
    case CauseKind::layer_removed:
    case CauseKind::command_removed: return Sign::removed;
    case CauseKind::variable:
    case CauseKind::mount: return !cause.before ? Sign::added : !cause.after ? Sign::removed : Sign::changed;
    default: return Sign::changed;
  }
}

}  // namespace karapace::diff
