// SPDX-License-Identifier: Apache-2.0
// graph show: the graph as a picture or a document, with the times of the last build.
#include <fmt/format.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/measured_side.hpp"
#include "cli/output_file.hpp"
#include "generator/timing/dot_text.hpp"
#include "generator/timing/overview.hpp"

namespace karapace::cli {

namespace {

enum class Format { svg, dot, json };

struct Arguments {
  MeasuredArguments measured;
  std::optional<std::string> format;
  std::optional<std::string> output;
  bool full = false;
};

// dot takes seconds for hundreds of nodes, minutes for thousands, and nobody could read what came out.
constexpr std::size_t most_nodes = 2000;

constexpr int no_such_program = 127;

void declare(Options& options, Arguments& arguments) {
  declare_measured(options, arguments.measured);
  options.value("--format", "FORMAT", arguments.format,
                "svg, dot or json (default: what FILE ends in, else svg; with --json: json)", {"svg", "dot", "json"});
  options.value("-o,--output", "FILE", arguments.output, "where to write; - is standard output");
  options.flag("--full", arguments.full, "draw every step, instead of folding those of packages");
}

std::optional<Format> format_named(std::string_view name) {
  if (name == "svg") return Format::svg;
  if (name == "dot" || name == "gv") return Format::dot;
  if (name == "json") return Format::json;
  return std::nullopt;
}

Format format_of_file(const std::string& file) {
  auto extension = std::filesystem::path(file).extension().native();
  if (extension.empty()) return Format::svg;
  if (auto format = format_named(extension.substr(1))) return *format;
  throw UsageError(
      fmt::format("graph show: nothing is written as {}, only svg, dot and json are: say which with --format "
                  "(and `dot -T` turns the second into others)",
                  extension));
}

Format format_of(const Context& context, const Arguments& arguments) {
  if (arguments.format) {
    auto format = format_named(*arguments.format);
    if (!format) {
      throw UsageError(fmt::format("graph show: there is no format \"{}\": svg, dot and json are", *arguments.format));
    }
    if (!context.json || format == Format::json) return *format;
    throw UsageError(
        fmt::format("graph show: --json asks for one format and --format {} for another", *arguments.format));
  }
  if (context.json) return Format::json;
  return arguments.output ? format_of_file(*arguments.output) : Format::svg;
}

/// The SVG that Graphviz's `dot` makes. Error that names the package to install when there is no such program, or tells
/// what it complained of.
std::string svg_of(std::string_view dot) {
  const TemporaryDirectory scratch("karapace-graph");
  auto picture = scratch.path() / "graph.svg";
  write_file_atomically(scratch.path() / "graph.dot", dot, Durable::no);
  ChildCommand command{.argv = {"dot", "-Tsvg", "-o", picture.native(), (scratch.path() / "graph.dot").native()},
                       .working_directory = {},
                       .output = ChildOutput::to_stderr};
  int status = run_child(command);
  if (status == no_such_program) {
    throw Error(
        "graph: a picture needs the program dot: install the package graphviz, or ask for --format dot or --format "
        "json");
  }
  auto svg = read_file_if_exists(picture);
  if (status == 0 && svg) return *svg;
  throw Error(fmt::format(
      "graph: dot could not draw this (status {}, see above); --format dot gives what it was to draw", status));
}

std::string drawn(std::string_view dot, std::size_t nodes) {
  if (nodes <= most_nodes) return svg_of(dot);
  throw Error(
      fmt::format("graph show: a picture of {} is more than dot can draw in useful time (up to {}): name one "
                  "environment's manifest, or ask for --format dot or json",
                  counted(nodes, "node"), most_nodes));
}

std::string document(const timing::MeasuredGraph& measured, const Arguments& arguments, Format format) {
  if (format == Format::json) return timing::graph_json(measured);
  std::string dot;
  std::size_t nodes = measured.graph.edges.size();
  if (arguments.full) {
    dot = timing::full_dot(measured);
  } else {
    auto overview = timing::overview(measured);
    nodes = overview.nodes.size();
    dot = timing::overview_dot(measured, overview);
  }
  return format == Format::dot ? dot : drawn(dot, nodes);
}

std::string about(const timing::MeasuredGraph& measured) {
  auto text = counted(measured.graph.edges.size(), "step");
  if (measured.timed > 0) text += fmt::format(", {} of work", duration_text(measured.work));
  if (measured.critical.edges.empty()) return text;
  return text + fmt::format(", critical path {}", duration_text(measured.critical.duration));
}

int run(const Context& context, const Arguments& arguments) {
  auto format = format_of(context, arguments);
  auto side = measured_side(context, arguments.measured);
  // DOT and JSON are text that people look at.
  auto on_terminal = format == Format::svg ? std::optional(side.name + ".graph.svg") : std::nullopt;
  auto file = output_file(arguments.output, on_terminal);
  write_output(context, file, document(side.measured, arguments, format), about(side.measured));
  return 0;
}

}  // namespace

Command graph_show_command() {
  return make_command<Arguments>(
      {.name = "graph show",
       .group = Group::understanding,
       .summary = "Draw the graph, with the times of the last build",
       .description = "Draws the steps that environments are made of, and what they wait for. The fetches and unpacks\n"
                      "of packages which the same installations use are folded into one node that names the slowest\n"
                      "of them. Times are those of Ninja's log, where one is found; the critical path is marked, and\n"
                      "steps that are not built are dashed. Pictures are SVG and need Graphviz; on a terminal they go\n"
                      "to NAME.graph.svg. docs/json.md has the fields of the JSON document.",
       .examples = {{"karapace graph show", "draw the environment of ./karapace.toml"},
                    {"karapace graph show -o graph.svg --full", "every step a node of its own"},
                    {"karapace graph show HEAD~1 --format dot", "the graph of a commit, for Graphviz"},
                    {"karapace graph show --build out --json",
                     "with the times of CMake's build in out/, for programs"}}},
      declare, run);
}

}  // namespace karapace::cli
