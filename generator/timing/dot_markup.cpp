// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/dot_markup.hpp"

#include <fmt/format.h>

#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::timing::dot {

Colours colours_of(StepKind kind) {
  switch (kind) {
    case StepKind::fetch: return {"#e8f1fa", "#4a7fb0"};
    case StepKind::unpack: return {"#e8f1fa", "#4a7fb0"};
    case StepKind::install: return {"#e6f4e8", "#4f8f58"};
    case StepKind::setup: return {"#fdf3d8", "#b58a1c"};
    case StepKind::commit: return {"#fdf3d8", "#b58a1c"};
    case StepKind::source: return {"#e8f1fa", "#4a7fb0"};
    case StepKind::compile: return {"#fbe9e4", "#b5573c"};
    case StepKind::assemble: return {"#efe8f7", "#7a5ba6"};
    case StepKind::environment: return {"#efe8f7", "#7a5ba6"};
    case StepKind::pack: break;  // in no graph that is drawn
  }
  return not_built;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (char c : escaped_utf8(text)) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\\': result += "&#92;"; break;  // else a backslash begins one of dot's own escapes
      default: result += c;
    }
  }
  return result;
}

std::string bold(std::string_view text) { return fmt::format("<B>{}</B>", escaped(text)); }

std::string small(std::string_view text, std::string_view colour) {
  return fmt::format("<FONT POINT-SIZE=\"11\" COLOR=\"{}\">{}</FONT>", colour, escaped(text));
}

namespace {

/// Up to three names, then how many more there are.
std::string title(const MeasuredGraph& measured) {
  std::string names;
  std::size_t count = 0;
  for (auto i : measured.measurements.indices()) {
    if (measured.edge(i).step.kind != StepKind::environment) continue;
    if (++count <= 3) names += (names.empty() ? "" : ", ") + environment_name(measured, i);
  }
  if (count > 3) names += " and " + counted(count - 3, "more environment");
  return names.empty() ? "karapace" : names;
}

std::string percent(Milliseconds part, Milliseconds whole) {
  return whole.count() == 0 ? "" : fmt::format(" ({} %)", (100 * part.count() + whole.count() / 2) / whole.count());
}

std::string built_text(const MeasuredGraph& measured) {
  auto all = measured.graph.edges.size();
  if (measured.built == all) return counted(all, "step") + ", all built";
  if (measured.built == 0) return counted(all, "step") + ", none built";
  return fmt::format("{}, {} not built", counted(all, "step"), all - measured.built);
}

std::string work_text(const MeasuredGraph& measured) {
  if (measured.timed == 0) return measured.last_build ? "" : " · no times known";
  auto text = fmt::format(" · {} of work", duration_text(measured.work));
  if (measured.timed < measured.built)
    text += fmt::format(" in the {} whose time is known", counted(measured.timed, "step"));
  return text;
}

std::string critical_text(const MeasuredGraph& measured) {
  if (measured.critical.edges.empty()) return "";
  auto share = measured.timed > 0 ? percent(measured.critical.duration, measured.work) : "";
  return fmt::format(" · critical path {}{}", duration_text(measured.critical.duration), share);
}

std::string last_build_text(const MeasuredGraph& measured) {
  if (!measured.last_build) return "";
  const auto& last = *measured.last_build;
  auto text = fmt::format("last build: {} in {}", counted(last.steps, "step"), duration_text(last.duration));
  if (last.hits > 0) text += fmt::format(", {} of them cache hits", last.hits);
  if (!last.others.empty()) text += fmt::format(", and {}", counted(last.others.size(), "other command"));
  return text;
}

std::string sample(std::string_view sign, std::string_view colour, std::string_view name) {
  return fmt::format("<FONT COLOR=\"{}\">{}</FONT> {}    ", colour, sign, small(name, ink));
}

std::string legend(const MeasuredGraph& measured) {
  auto text = sample("■", colours_of(StepKind::fetch).border, "fetch and unpack") +
              sample("■", colours_of(StepKind::install).border, "install") +
              sample("■", colours_of(StepKind::setup).border, "set-up") +
              sample("■", colours_of(StepKind::environment).border, "environment");
  if (measured.built < measured.graph.edges.size()) text += sample("□", not_built.border, "not built");
  if (!measured.critical.edges.empty()) text += sample("━━", critical, "critical path");
  return text;
}

std::string row(std::string_view content) { return fmt::format("<TR><TD ALIGN=\"LEFT\">{}</TD></TR>", content); }

}  // namespace

std::string head(const MeasuredGraph& measured) {
  auto last = last_build_text(measured);
  std::string label = "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLPADDING=\"2\" CELLSPACING=\"0\">";
  label += row(fmt::format("<FONT POINT-SIZE=\"20\">{}</FONT>", bold(title(measured))));
  label += row(escaped(built_text(measured) + work_text(measured) + critical_text(measured)));
  if (!last.empty()) label += row(escaped(last));
  label += row(legend(measured)) + row(" ") + "</TABLE>";
  return fmt::format(
      "digraph karapace {{\n"
      "  graph [rankdir=LR, bgcolor=\"white\", pad=0.3, nodesep=0.35, ranksep=1.0, fontname=\"Helvetica\", "
      "fontsize=13, "
      "fontcolor=\"{0}\", labelloc=t, labeljust=l,\n    label=<{1}>];\n"
      "  node [shape=plain, fontname=\"Helvetica\", fontsize=13, fontcolor=\"{0}\"];\n"
      "  edge [color=\"{2}\", penwidth=1.3, arrowsize=0.8];\n",
      ink, label, line);
}

std::string arrow(std::size_t from, std::size_t to, bool is_critical) {
  if (!is_critical) return fmt::format("  n{}:e -> n{}:w;\n", from, to);
  return fmt::format("  n{}:e -> n{}:w [color=\"{}\", penwidth=3.5];\n", from, to, critical);
}

}  // namespace karapace::timing::dot
