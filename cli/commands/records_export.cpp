// SPDX-License-Identifier: Apache-2.0
// records export: what steps made, in one file for another machine to compare with.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/output_file.hpp"
#include "cli/reproduction_report.hpp"
#include "cli/store_access.hpp"
#include "proof/record_document.hpp"
#include "proof/recorded_graph.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::vector<std::string> words;
  bool all = false;
  bool listings = false;
  std::optional<std::string> output;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENV|STEP", arguments.words,
                     "environments, or steps by the first digits of their keys or their records' paths (default: .)");
  options.flag("--all", arguments.all, "every environment that is built");
  options.value("-o,--output", "FILE", arguments.output, "write there instead of to standard output (\"-\")");
  options.flag(
      "--listings", arguments.listings,
      "with the listings of what installations and set-ups made, so that differing files can be named (some MiB)");
}

proof::RecordedGraph wanted_graph(const store::Store& store, const Arguments& arguments) {
  if (arguments.all && !arguments.words.empty()) throw UsageError("records export: --all goes without names");
  if (arguments.all) return proof::recorded_graph_of_all(store);
  return proof::recorded_graph(store, arguments.words.empty() ? std::vector<std::string>{"."} : arguments.words);
}

proof::ExportedStep exported(const store::Store& store, const graph::Edge& edge, const StepRecord& record,
                             bool listings) {
  // A project's name is its own: an environment is called by its id.
  proof::ExportedStep step{
      .key = edge.key, .kind = edge.step.kind, .title = graph::description(edge), .output = record.output};
  bool runs_commands = step.kind == StepKind::install || step.kind == StepKind::setup;
  if (listings && runs_commands) step.listing = store.listing(record.layer().layer).text();
  return step;
}

int run(const Context& context, const Arguments& arguments) {
  auto store = context.open_store(store::Store::Access::read_only);
  auto graph = wanted_graph(store, arguments);
  const auto left_out = left_out_text(graph, "records export");
  for (const auto line : lines(left_out)) context.warn(line);
  std::vector<proof::ExportedStep> steps;
  for (const auto& edge : graph.graph.edges)
    steps.push_back(exported(store, edge, graph.records.at(edge.key), arguments.listings));
  auto text = proof::document_text(steps);
  auto file = output_file(arguments.output, std::nullopt);
  if (!file) {
    context.print_document(text);
    return 0;
  }
  write_whole(*file, text);
  auto name = escaped_utf8(file->native());
  if (context.json) {
    context.print_json(
        "karapace.records-export",
        {{"output_file", path_json(*file)}, {"title", escaped_utf8(graph.title)}, {"step_count", steps.size()}});
  } else {
    context.print(fmt::format("{} of {} in {}\n", counted(steps.size(), "step"), graph.title, name));
  }
  return 0;
}

}  // namespace

Command records_export_command() {
  return make_command<Arguments>(
      {.name = "records export",
       .group = Group::understanding,
       .summary = "Write what steps made into a file to compare with",
       .description = "Writes the digests of everything that the steps of an environment made. Another machine\n"
                      "that built the same lock compares with `karapace reproduce --against FILE`, without the\n"
                      "bytes. The file has no times, hosts or paths in it: equal builds give equal files.",
       .examples = {{"karapace records export -o dev.json", "the environment of ./karapace.toml"},
                    {"karapace records export --listings dev | xz > dev.json.xz", "so that files can be named"}}},
      declare, run);
}

}  // namespace karapace::cli
