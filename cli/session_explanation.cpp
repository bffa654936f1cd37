// SPDX-License-Identifier: Apache-2.0
#include "cli/session_explanation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "runtime/sandbox/explanation.hpp"
#include "store/escape.hpp"

namespace karapace::cli {
namespace {

using nlohmann::json;
using runtime::BindAccess;
using runtime::Changes;
using runtime::Explanation;

std::string_view word(BindAccess access) { return access == BindAccess::read_only ? "read-only" : "read-write"; }

std::string_view word(Changes changes) {
  switch (changes) {
    case Changes::in_instance: return "instance";
    case Changes::in_staging: return "thrown-away";
    case Changes::in_memory: return "memory";
  }
  return {};
}

std::string_view words_for(Changes changes) {
  switch (changes) {
    case Changes::in_instance: return "stay in the instance";
    case Changes::in_staging: return "are thrown away when it ends";
    case Changes::in_memory: return "are kept in memory and gone when it ends: the store can not be written to";
  }
  return {};
}

std::string sight_line(const Explanation::Sight& sight) {
  const auto place = escaped_utf8(sight.inside);
  const auto from = sight.host == sight.inside ? std::string() : fmt::format(" is {}", escaped_utf8(sight.host));
  return fmt::format("  {} {}{} ({})\n", padded(word(sight.access), 10), place, from, escaped_utf8(sight.why));
}

std::string hidden_line(const std::string& path) { return fmt::format("  {} (the store)\n", escaped_utf8(path)); }

std::string text_of(const Context& context, const runtime::SessionRequest& request,
                    const runtime::PlannedSession& planned, const Explanation& explanation) {
  const auto heading = [&](std::string_view title) { return context.styled(Style::bold, title) + "\n"; };
  std::string text = heading("would run");
  text +=
      fmt::format("  {} in {}, id mode {}; changes {}\n", escaped_utf8(fmt::format("{}", fmt::join(request.argv, " "))),
                  escaped_utf8(request.name), runtime::text(planned.plan.id_mode), words_for(planned.changes));
  text += heading("sees of this machine");
  for (const auto& sight : explanation.sights) text += sight_line(sight);
  for (const auto& one : explanation.shared) text += fmt::format("  {}\n", one);
  text += heading("never sees");
  for (const auto& path : explanation.hidden) text += hidden_line(path);
  text += "  other files, processes, variables, keys and terminals of this user\n";
  text += heading("kept by");
  for (const auto& barrier : explanation.barriers) {
    const auto mark = barrier.stands ? context.styled(Style::green, "✓") : context.styled(Style::yellow, "!");
    text += fmt::format("  {} {} {}\n", mark, padded(barrier.name, 25), barrier.keeps);
  }
  return text;
}

json document(const runtime::SessionRequest& request, const runtime::PlannedSession& planned,
              const Explanation& explanation) {
  json sights = json::array();
  for (const auto& sight : explanation.sights)
    sights.push_back({{"access", word(sight.access)},
                      {"host", escaped_utf8(sight.host)},
                      {"inside", escaped_utf8(sight.inside)},
                      {"why", escaped_utf8(sight.why)}});
  json barriers = json::array();
  for (const auto& barrier : explanation.barriers)
    barriers.push_back({{"keeps", barrier.keeps}, {"name", barrier.name}, {"stands", barrier.stands}});
  json hidden = json::array();
  for (const auto& path : explanation.hidden) hidden.push_back(escaped_utf8(path));
  json command = json::array();
  for (const auto& part : request.argv) command.push_back(escaped_utf8(part));
  return {{"barriers", std::move(barriers)},
          {"changes", word(planned.changes)},
          {"command", std::move(command)},
          {"hidden", std::move(hidden)},
          {"id_mode", runtime::text(planned.plan.id_mode)},
          {"name", escaped_utf8(request.name)},
          {"network", planned.plan.network == runtime::Network::host ? "host" : "none"},
          {"shared", explanation.shared},
          {"sights", std::move(sights)},
          {"terminal", planned.plan.terminal == runtime::Terminal::pty ? "own" : "inherited"}};
}

}  // namespace

void print_explanation(const Context& context, const runtime::SessionRequest& request,
                       const runtime::PlannedSession& planned) {
  const auto explanation = runtime::explain(planned.plan);
  if (context.json)
    context.print_json(document(request, planned, explanation));
  else
    context.print(text_of(context, request, planned, explanation));
}

}  // namespace karapace::cli
