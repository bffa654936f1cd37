// SPDX-License-Identifier: Apache-2.0
#include "cli/reproduction_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/document.hpp"
#include "cli/store_access.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {

namespace {

constexpr std::size_t most_files = 30;
constexpr std::size_t most_titles = 10;

std::string title_of(const proof::RecordedGraph& graph, const StepKey& step) {
  const auto& edges = graph.graph.edges;
  auto edge = std::find_if(edges.begin(), edges.end(), [&](const graph::Edge& one) { return one.key == step; });
  return edge == edges.end() ? step.short_hex() : proof::step_title(graph, *edge);
}

nlohmann::json or_null(const std::string& text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); }

nlohmann::json json_of(const proof::FileDifference& file) {
  return {{"path", file.path}, {"differs", file.what}, {"shown", file.shown}};
}

nlohmann::json json_of(const proof::RecordedGraph& graph, const proof::Divergence& cause,
                       const proof::FirstCause* details) {
  nlohmann::json json = {{"step", cause.step.hex()},
                         {"title", title_of(graph, cause.step)},
                         {"first_output", output_json(cause.first)},
                         {"second_output", output_json(cause.second)},
                         {"files", nullptr},
                         {"note", or_null(details ? details->note : "")},
                         {"failure", or_null(details ? details->failure : "")}};
  if (!details || !details->files) return json;
  json["files"] = nlohmann::json::array();
  for (const auto& file : *details->files) json["files"].push_back(json_of(file));
  return json;
}

nlohmann::json document(const proof::RecordedGraph& graph, const proof::Reproduction& reproduction) {
  const auto& comparison = reproduction.comparison;
  nlohmann::json json = {{"result", comparison.causes.empty() ? "identical" : "different"},
                         {"title", escaped_utf8(graph.title)},
                         {"step_count", comparison.steps},
                         {"same_step_count", comparison.same}};
  auto causes = nlohmann::json::array();
  for (std::size_t i = 0; i < comparison.causes.size(); ++i) {
    const proof::FirstCause* details = i == 0 && reproduction.first ? &*reproduction.first : nullptr;
    causes.push_back(json_of(graph, comparison.causes[i], details));
  }
  json["causes"] = std::move(causes);
  auto consequences = nlohmann::json::array();
  for (const auto& step : comparison.consequences)
    consequences.push_back({{"step", step.hex()}, {"title", title_of(graph, step)}});
  json["consequences"] = std::move(consequences);
  auto variations = nlohmann::json::array();
  for (const auto& thing : reproduction.things)
    variations.push_back({{"name", thing.name}, {"varied", thing.is_varied}, {"how", thing.how}});
  json["variations"] = std::move(variations);
  json["against_file"] =
      reproduction.against.empty() ? nlohmann::json() : path_json(std::filesystem::path(reproduction.against));
  auto left_out = nlohmann::json::array();
  for (const auto& release : graph.left_out)
    left_out.push_back(
        {{"project", release.project}, {"step", release.step.hex()}, {"step_count", release.step_count}});
  json["releases_left_out"] = std::move(left_out);
  json["kept_store"] = path_json(reproduction.kept);
  return json;
}

std::string circumstances(const proof::Reproduction& reproduction) {
  std::vector<std::string> varied;
  std::vector<std::string> same;
  for (const auto& thing : reproduction.things) {
    if (thing.is_varied) varied.push_back(thing.how);
    if (!thing.is_varied) same.push_back(fmt::format("{} ({})", thing.name, thing.how));
  }
  std::string text;
  if (!varied.empty()) text += fmt::format("varied: {}\n", fmt::join(varied, ", "));
  if (!same.empty()) text += fmt::format("not varied: {}\n", fmt::join(same, ", "));
  return text;
}

std::string summary(const proof::RecordedGraph& graph, const proof::Reproduction& reproduction) {
  const auto& comparison = reproduction.comparison;
  auto result = comparison.causes.empty() ? "identical" : "different";
  auto counts = fmt::format("{} of {} of {}", comparison.same, counted(comparison.steps, "step"), graph.title);
  if (!reproduction.against.empty()) return fmt::format("{} as in {}: {}\n", counts, reproduction.against, result);
  return fmt::format("reproduced {}: {}\n", counts, result);
}

void print_files(const Context& context, const std::vector<proof::FileDifference>& files) {
  for (std::size_t i = 0; i < std::min(files.size(), most_files); ++i) {
    const auto& file = files[i];
    context.print(fmt::format("  {}: {}\n", context.styled(Style::bold, file.path), fmt::join(file.what, ", ")));
    for (const auto& line : file.shown) {
      auto style = line.starts_with("- ") ? Style::red : line.starts_with("+ ") ? Style::green : Style::dim;
      context.print(fmt::format("    {}\n", context.styled(style, line)));
    }
  }
  if (files.size() > most_files)
    context.print(fmt::format("  and {} more (--json lists all)\n", files.size() - most_files));
}

void print_titles(const Context& context, const proof::RecordedGraph& graph, std::string_view heading,
                  const std::vector<StepKey>& steps) {
  if (steps.empty()) return;
  std::vector<std::string> titles;
  for (std::size_t i = 0; i < std::min(steps.size(), most_titles); ++i) titles.push_back(title_of(graph, steps[i]));
  if (steps.size() > most_titles) titles.push_back(fmt::format("{} more", steps.size() - most_titles));
  context.print(fmt::format("{}: {}\n", heading, fmt::join(titles, ", ")));
}

void print_indented(const Context& context, std::string_view text) {
  for (auto line : lines(text, EmptyLines::kept)) context.print(fmt::format("  {}\n", line));
}

void print_first(const Context& context, const proof::RecordedGraph& graph, const proof::Reproduction& reproduction) {
  const auto& cause = reproduction.comparison.causes.front();
  const auto& details = *reproduction.first;
  auto title = context.styled(Style::bold, title_of(graph, cause.step));
  auto what = !details.failure.empty() ? std::string("failed when it ran again")
              : details.files          ? "differs in " + counted(details.files->size(), "path")
                                       : std::string("differs");
  context.print(fmt::format("{} {}, although everything that it reads is the same (step {})\n", title, what,
                            cause.step.short_hex()));
  print_indented(context, details.failure);
  if (details.files) print_files(context, *details.files);
  print_indented(context, details.note);
}

/// Where the two results lie, for tools of one's own.
void print_kept(const Context& context, const proof::Reproduction& reproduction) {
  if (reproduction.kept) context.print(fmt::format("the second store is kept: {}\n", reproduction.kept->native()));
}

void print_advice(const Context& context, const proof::Reproduction& reproduction) {
  context.print(
      "usual causes: the time of the build (write $SOURCE_DATE_EPOCH instead), random numbers and keys, results of\n"
      "parallel work. Let the command write the same each time, or remove the file in it.\n");
  if (!reproduction.things.empty())
    context.print(
        "`--same clock` (or host, user, umask, locale, cpus) leaves one thing as it is, to see what it depends on.\n");
}

}  // namespace

std::string left_out_text(const proof::RecordedGraph& graph, std::string_view command) {
  std::string text;
  for (const auto& release : graph.left_out)
    text += fmt::format("the release of {} is left out, {}: `karapace {} {}` looks at it\n", release.project,
                        counted(release.step_count, "step"), command, release.step.short_hex());
  return text;
}

void report(const Context& context, const proof::RecordedGraph& graph, const proof::Reproduction& reproduction) {
  if (context.json) return context.print_json("karapace.reproduce", document(graph, reproduction));
  const auto& causes = reproduction.comparison.causes;
  if (!causes.empty()) {
    print_first(context, graph, reproduction);
    std::vector<StepKey> others;
    for (std::size_t i = 1; i < causes.size(); ++i) others.push_back(causes[i].step);
    print_titles(context, graph, "different by themselves, too", others);
    print_titles(context, graph, "different in consequence", reproduction.comparison.consequences);
  }
  context.print(context.styled(causes.empty() ? Style::green : Style::red, summary(graph, reproduction)));
  context.print(circumstances(reproduction));
  const bool is_compared = !reproduction.against.empty();
  context.print(left_out_text(graph, is_compared ? "reproduce --against FILE" : "reproduce"));
  print_kept(context, reproduction);
  if (!causes.empty()) print_advice(context, reproduction);
}

}  // namespace karapace::cli
