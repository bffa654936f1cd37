// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/words.hpp"
#include "generator/graph/diff/diff_report.hpp"
#include "generator/graph/diff/diff_words.hpp"

namespace karapace::diff {

namespace {

// GitHub refuses comments of more than 65,536 characters: each part gets a share that together stays below.
constexpr std::size_t longest_causes = 24'000;
constexpr std::size_t longest_packages = 12'000;
constexpr std::size_t longest_steps = 20'000;

/// Text that stays text in Markdown, also inside a table.
std::string escaped(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '\n' || c == '\r') {
      safe += ' ';
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      if (std::string_view("\\|*_`[]~#@!").find(c) != std::string_view::npos) safe += '\\';
      safe += c;
    }
  }
  return safe;
}

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string_view sign(const Cause& cause) {
  if (!is_root(cause)) return "";
  switch (sign_of(cause)) {
    case Sign::added: return "➕";
    case Sign::removed: return "➖";
    case Sign::changed: return "✏️";
  }
  return "";
}

std::string consequences_text(const CauseGroup& group) {
  std::vector<std::string> words;
  for (const auto& consequence : group.consequences) words.push_back(escaped(consequence_text(consequence)));
  return fmt::format("{}", fmt::join(words, " ⇒ "));
}

/// Where the text stands below: "brings 2 packages, takes with it 1 package"
std::string following_summary(const Cause& cause) {
  std::vector<std::string> words;
  for (const auto& list : following(cause)) {
    words.push_back(fmt::format("{} {}", list.verb, counted(list.packages.size(), "package")));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string cause_line(const Cause& cause) {
  if (!is_root(cause)) return sentence(following_summary(cause));
  auto line = escaped(headline(cause));
  if (cause.kind == CauseKind::environment_added || cause.kind == CauseKind::environment_removed) {
    line += fmt::format(" ({})", escaped(fmt::format("{}", fmt::join(cause.details, ", "))));
  }
  auto summary = following_summary(cause);
  return summary.empty() ? line : fmt::format("{}: {}", line, summary);
}

void append_causes(std::string& text, const GraphDiff& diff) {
  text += "\n| | Cause | What follows |\n|-|-|-|\n";
  std::size_t left_out = 0;
  auto start = text.size();
  for (const auto& group : diff.groups) {
    bool first = true;
    for (auto index : group.causes) {
      if (text.size() - start > longest_causes) {
        ++left_out;
        continue;
      }
      const auto& cause = diff.causes[index].cause;
      text +=
          fmt::format("| {} | {} | {} |\n", sign(cause), cause_line(cause), first ? consequences_text(group) : "〃");
      first = false;
    }
  }
  if (left_out > 0) text += fmt::format("\n… and {} more.\n", counted(left_out, "cause"));
}

/// A list that is folded away; cut where it gets too long.
void append_folded(std::string& text, std::string_view title, const std::vector<std::string>& lines, std::size_t most) {
  if (lines.empty()) return;
  text += fmt::format("\n<details><summary>{}</summary>\n\n", title);
  auto start = text.size();
  std::size_t shown = 0;
  for (; shown < lines.size() && text.size() - start < most; ++shown) text += fmt::format("- {}\n", lines[shown]);
  if (shown < lines.size()) text += fmt::format("- … and {} more\n", lines.size() - shown);
  text += "\n</details>\n";
}

std::vector<std::string> following_lines(const GraphDiff& diff) {
  std::vector<std::string> lines;
  for (const auto& [cause, environments] : diff.causes) {
    for (const auto& list : following(cause)) {
      for (const auto& package : list.packages) {
        auto who = is_root(cause) ? escaped(cause.subject) + " " : "";
        lines.push_back(fmt::format("{}{} {}", who, list.verb, escaped(package)));
      }
    }
  }
  return lines;
}

std::vector<std::string> step_lines(const GraphDiff& diff) {
  std::vector<std::string> lines;
  for (const auto& step : diff.steps) {
    lines.push_back(fmt::format("{} `{}` {}", step.state == StepChange::State::added ? "new:" : "gone:",
                                step.edge->key.short_hex(), escaped(graph::description(*step.edge))));
  }
  return lines;
}

}  // namespace

std::string diff_markdown(const GraphDiff& diff) {
  std::string text = fmt::format("### {}\n\n{} → {}: {}.\n", sentence(escaped(change_headline(diff))),
                                 escaped(diff.before), escaped(diff.after), steps_headline(diff));
  if (!diff.groups.empty()) append_causes(text, diff);
  auto packages = following_lines(diff);
  auto title = [](std::size_t count, std::string_view what, std::string_view verb) {
    return fmt::format("{} that {}{}", counted(count, what), verb, count == 1 ? "s" : "");
  };
  append_folded(text, title(packages.size(), "package", "follow"), packages, longest_packages);
  append_folded(text, title(diff.steps.size(), "step", "differ"), step_lines(diff), longest_steps);
  if (diff.outlined) text += fmt::format("\n{}\n", outline_remark);
  return text;
}

}  // namespace karapace::diff
