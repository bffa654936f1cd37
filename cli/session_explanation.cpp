// SPDX-License-Identifier: Apache-2.0
#include "cli/session_explanation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "generator/graph/quoting.hpp"
#include "runtime/sandbox/explanation.hpp"

namespace karapace::cli {
namespace {

using nlohmann::json;
using sandbox::BindAccess;
using sandbox::Changes;
using sandbox::Explanation;

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

std::string_view word(VariableSource source) {
  switch (source) {
    case VariableSource::karapace: return "karapace";
    case VariableSource::caller: return "caller";
    case VariableSource::option: return "option";
    case VariableSource::manifest: return "manifest";
  }
  return {};
}

std::string_view words_for(VariableSource source) {
  switch (source) {
    case VariableSource::karapace: return "set by karapace";
    case VariableSource::caller: return "the caller's";
    case VariableSource::option: return "of --env";
    case VariableSource::manifest: return "of the manifest";
  }
  return {};
}

/// As it would be typed.
std::string command_line(const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  for (const auto& one : argv) words.push_back(graph::shell_quoted(one));
  return escaped_utf8(fmt::format("{}", fmt::join(words, " ")));
}

std::string variable_lines(const std::map<std::string, VariableSource>& variables) {
  std::string text;
  for (const auto source :
       {VariableSource::karapace, VariableSource::caller, VariableSource::option, VariableSource::manifest}) {
    std::vector<std::string> names;
    for (const auto& [name, from] : variables)
      if (from == source) names.push_back(escaped_utf8(name));
    if (!names.empty()) text += fmt::format("  {} {}\n", padded(words_for(source), 16), fmt::join(names, " "));
  }
  return text;
}

std::string run_lines(const sandbox::SessionRequest& request, const sandbox::PlannedSession& planned,
                      const SessionSetting& setting) {
  const auto& plan = planned.plan;
  auto text = fmt::format("  {}\n", command_line(request.argv));
  text += fmt::format("  in {}, id mode {}; changes {}\n", escaped_utf8(request.name), sandbox::text(plan.id_mode),
                      words_for(planned.changes));
  text += fmt::format("  in the directory {}\n", escaped_utf8(plan.commands.front().working_directory));
  text += plan.terminal == sandbox::Terminal::pty
              ? "  on a terminal of its own, relayed, when standard output is one as input is\n"
              : "  with standard input, output and error as they are given\n";
  if (setting.running && !setting.can_join)
    text +=
        fmt::format("  not while another session runs (process {}), whose mounts hold: end it, or add --ephemeral\n",
                    *setting.running);
  if (setting.running && setting.can_join)
    text += fmt::format(
        "  beside the session that runs already (process {}): files and network are as that one began with\n",
        *setting.running);
  return text;
}

std::string text_of(const Context& context, const sandbox::SessionRequest& request,
                    const sandbox::PlannedSession& planned, const SessionSetting& setting,
                    const Explanation& explanation) {
  const auto heading = [&](std::string_view title) { return context.styled(Style::bold, title) + "\n"; };
  std::string text = heading("would run") + run_lines(request, planned, setting);
  text += heading("sees of this machine");
  for (const auto& sight : explanation.sights) text += sight_line(sight);
  for (const auto& one : explanation.shared) text += fmt::format("  {}\n", one);
  text += heading("variables") + variable_lines(setting.variables);
  text += heading("never sees");
  for (const auto& path : explanation.hidden) text += hidden_line(path);
  text += "  other files, processes, variables, keys and terminals of this user\n";
  text += heading("what keeps it apart");
  for (const auto& barrier : explanation.barriers) {
    const auto mark = barrier.stands ? context.styled(Style::green, "✓") : context.styled(Style::yellow, "!");
    text += fmt::format("  {} {} {}\n", mark, padded(barrier.name, 25), barrier.keeps);
  }
  return text;
}

json document(const sandbox::SessionRequest& request, const sandbox::PlannedSession& planned,
              const SessionSetting& setting, const Explanation& explanation) {
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
  json variables = json::array();
  for (const auto& [name, source] : setting.variables)
    variables.push_back({{"decided_by", word(source)}, {"name", escaped_utf8(name)}});
  return {{"barriers", std::move(barriers)},
          {"environment", setting.environment.hex()},
          {"changes", word(planned.changes)},
          {"command", std::move(command)},
          {"groups", explanation.groups},
          {"hidden", std::move(hidden)},
          {"id_mode", sandbox::text(planned.plan.id_mode)},
          {"joined_pid", setting.running && setting.can_join ? json(*setting.running) : json(nullptr)},
          {"name", escaped_utf8(request.name)},
          {"network", planned.plan.network == sandbox::Network::host ? "host" : "none"},
          {"shared", explanation.shared},
          {"refused", setting.running && !setting.can_join},
          {"sights", std::move(sights)},
          {"terminal", planned.plan.terminal == sandbox::Terminal::pty ? "own" : "inherited"},
          {"variables", std::move(variables)},
          {"working_directory", escaped_utf8(planned.plan.commands.front().working_directory)}};
}

}  // namespace

void print_explanation(const Context& context, const sandbox::SessionRequest& request,
                       const sandbox::PlannedSession& planned, const SessionSetting& setting) {
  const auto explanation = sandbox::explain(planned.plan);
  if (context.json)
    context.print_json("karapace.session", document(request, planned, setting, explanation));
  else
    context.print(text_of(context, request, planned, setting, explanation));
}

}  // namespace karapace::cli
