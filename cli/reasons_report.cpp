// SPDX-License-Identifier: Apache-2.0
#include "cli/reasons_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/words.hpp"

namespace karapace::cli {

namespace {

using project::Reason, project::ReasonKind, project::ReasonStep;

constexpr std::size_t most_lines = 10;

std::string beginning_text(const Reason& reason) {
  const auto& package = reason.way.front().package;
  if (reason.kind == ReasonKind::base) return fmt::format("{} ({})", package, reason.word);
  const auto* key = reason.kind == ReasonKind::hold ? "system.hold" : "system.packages";
  return reason.word == package ? fmt::format("{} ({})", package, key)
                                : fmt::format("{} ({}: {})", package, key, reason.word);
}

std::string step_text(const ReasonStep& step) {
  auto text = fmt::format(" → {} ({}", step.package, step.field);
  if (!step.relation.empty()) text += ": " + step.relation;
  if (!step.through.empty()) text += ", through " + step.through;
  return text + ")";
}

std::string way_text(const Reason& reason) {
  auto text = beginning_text(reason);
  for (auto step = reason.way.begin() + 1; step != reason.way.end(); ++step) text += step_text(*step);
  return text;
}

nlohmann::json text_or_null(const std::string& text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); }

nlohmann::json reason_json(const Reason& reason) {
  auto way = nlohmann::json::array();
  for (const auto& step : reason.way) {
    way.push_back({{"name", step.package},
                   {"version", step.version},
                   {"field", text_or_null(step.field)},
                   {"relation", text_or_null(step.relation)},
                   {"through", text_or_null(step.through)}});
  }
  return {{"kind", text(reason.kind)}, {"word", reason.word}, {"way", std::move(way)}};
}

}  // namespace

std::string reasons_text(const project::PackageReasons& reasons) {
  auto text = fmt::format("{} {}", reasons.package, reasons.locked.front().version);
  if (reasons.locked.size() > 1) text += fmt::format(" in the base, {} on top of it", reasons.locked.back().version);
  if (reasons.reasons.empty()) return text + ": nothing that is known leads to it\n";
  text += "\n";
  const auto shown = std::min(reasons.reasons.size(), most_lines);
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("  {}\n", way_text(reasons.reasons[i]));
  if (shown < reasons.reasons.size())
    text += fmt::format("  and {} (--json tells all)\n", counted(reasons.reasons.size() - shown, "more way"));
  return text;
}

nlohmann::json reasons_json(const project::PackageReasons& reasons) {
  auto locked = nlohmann::json::array();
  for (const auto& package : reasons.locked) locked.push_back(package.version);
  auto all = nlohmann::json::array();
  for (const auto& reason : reasons.reasons) all.push_back(reason_json(reason));
  return {{"name", reasons.package},
          {"locked_versions", std::move(locked)},
          {"reasons", std::move(all)},
          {"unread", reasons.unread}};
}

std::string unread_text(const project::PackageReasons& reasons) {
  if (reasons.unread.empty()) return {};
  return fmt::format(
      "the store does not have the control files of {} of the lock ({}{}), so ways through them are not known; "
      "`karapace build` brings them",
      counted(reasons.unread.size(), "package"), reasons.unread.front(), reasons.unread.size() > 1 ? ", ..." : "");
}

}  // namespace karapace::cli
