// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/words.hpp"
#include "generator/graph/diff/diff_report.hpp"
#include "generator/graph/diff/diff_words.hpp"

namespace karapace::diff {

namespace {

constexpr std::size_t line_width = 100;
constexpr std::size_t packages_in_short = 8;
constexpr std::size_t widest_name = 36;

bool has_versions(const Cause& cause) {
  return cause.kind >= CauseKind::package_added && cause.kind <= CauseKind::package_downgraded;
}

/// Words joined by ", " in lines that begin with `indent` spaces; the first continues one of `start` characters.
std::string wrapped(const std::vector<std::string>& words, std::size_t indent, std::size_t start) {
  std::string text;
  auto column = start;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto word = words[i] + (i + 1 < words.size() ? "," : "");
    if (column + 1 + word.size() > line_width && column > indent) {
      text += fmt::format("\n{:{}}", "", indent);
      column = indent;
    } else {
      text += ' ';
      ++column;
    }
    text += word;
    column += word.size();
  }
  return text;
}

class TextReport {
 public:
  TextReport(const GraphDiff& diff, const Paint& paint, Detail detail) : diff_(diff), paint_(paint), detail_(detail) {}

  std::string run() {
    text_ = fmt::format("{} → {}: {}\n", diff_.before, diff_.after, paint_(Emphasis::strong, change_headline(diff_)));
    for (const auto& group : diff_.groups) append_group(group);
    if (!diff_.groups.empty()) text_ += '\n';
    if (detail_ == Detail::steps) append_steps();
    text_ += steps_headline(diff_) + "\n";
    if (diff_.outlined) text_ += paint_(Emphasis::faint, outline_remark) + "\n";
    return std::move(text_);
  }

 private:
  void append_group(const CauseGroup& group) {
    text_ += '\n';
    std::size_t width = 0;
    for (auto index : group.causes) {
      const auto& cause = diff_.causes[index].cause;
      if (has_versions(cause)) width = std::max(width, std::min(cause.subject.size(), widest_name));
    }
    for (auto index : group.causes) append_cause(diff_.causes[index].cause, width);
    append_consequences(group);
  }

  void append_cause(const Cause& cause, std::size_t width) {
    constexpr std::size_t indent = 6;
    if (!is_root(cause)) return append_followings(cause, "  · ", 4);
    text_ += fmt::format("  {} ", sign(cause));
    if (has_versions(cause)) {
      auto line = headline(cause).substr(cause.subject.size());
      text_ += paint_(Emphasis::strong, cause.subject);
      text_ += fmt::format("{:{}}{}", "", width - std::min(width, cause.subject.size()), line);
      for (const auto& remark : cause.details) text_ += " " + paint_(Emphasis::faint, fmt::format("({})", remark));
    } else {
      text_ += headline(cause);
      if (cause.kind == CauseKind::environment_added || cause.kind == CauseKind::environment_removed) {
        text_ += " " + paint_(Emphasis::faint, fmt::format("({})", fmt::join(cause.details, ", ")));
      }
    }
    text_ += '\n';
    append_followings(cause, "      ", indent);
  }

  std::string sign(const Cause& cause) const {
    switch (sign_of(cause)) {
      case Sign::added: return paint_(Emphasis::added, "+");
      case Sign::removed: return paint_(Emphasis::removed, "-");
      case Sign::changed: return paint_(Emphasis::changed, "~");
    }
    return " ";
  }

  void append_followings(const Cause& cause, std::string_view start, std::size_t indent) {
    for (const auto& list : following(cause)) append_following(list, start, indent);
  }

  void append_following(const Following& list, std::string_view before, std::size_t indent) {
    auto start = fmt::format("{} {}:", list.verb, counted(list.packages.size(), "package"));
    auto packages = list.packages;
    if (detail_ == Detail::causes && packages.size() > packages_in_short + 1) {
      auto more = fmt::format("and {} more (-v lists them)", packages.size() - packages_in_short);
      packages.resize(packages_in_short);
      packages.push_back(std::move(more));
    }
    text_ += fmt::format("{}{}{}\n", before, start, wrapped(packages, indent + 2, indent + start.size()));
  }

  void append_consequences(const CauseGroup& group) {
    if (group.consequences.empty()) return;
    std::string line = "  ";
    std::size_t width = 1;
    for (const auto& consequence : group.consequences) {
      auto text = fmt::format("⇒ {}", consequence_text(consequence));
      if (width + 1 + text.size() > line_width && width > 1) {
        text_ += paint_(Emphasis::faint, line) + "\n";
        line = "    ";
        width = 3;
      } else if (width > 1) {
        line += ' ';
      }
      line += text;
      width += 1 + text.size();
    }
    text_ += paint_(Emphasis::faint, line) + "\n";
  }

  void append_steps() {
    for (const auto& step : diff_.steps) {
      bool added = step.state == StepChange::State::added;
      text_ += fmt::format("  {} {} {}\n", paint_(added ? Emphasis::added : Emphasis::removed, added ? "+" : "-"),
                           step.edge->key.short_hex(), graph::description(*step.edge));
    }
    if (!diff_.steps.empty()) text_ += '\n';
  }

  const GraphDiff& diff_;
  const Paint& paint_;
  Detail detail_;
  std::string text_;
};

}  // namespace

std::string diff_text(const GraphDiff& diff, const Paint& paint, Detail detail) {
  return TextReport(diff, paint, detail).run();
}

}  // namespace karapace::diff
