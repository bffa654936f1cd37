// SPDX-License-Identifier: Apache-2.0
#include "proof/reproduction.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "generator/graph/edge_arguments.hpp"
#include "generator/project/build_directory.hpp"
#include "generator/project/ninja.hpp"
#include "generator/resolve/mirrors.hpp"
#include "store/graph_files.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"

namespace karapace::proof {

namespace {

namespace fs = std::filesystem;

Outputs outputs_of(const std::vector<ExportedStep>& exported) {
  Outputs outputs;
  for (const auto& step : exported) outputs.emplace(step.key, step.output);
  return outputs;
}

void require_known(const RecordedGraph& graph, const Outputs& outputs, const std::string& file) {
  for (const auto& edge : graph.graph.edges) {
    if (outputs.contains(edge.key)) continue;
    throw NotFoundError(
        fmt::format("reproduce: {} does not know {} ({}): it was exported from another lock, or of other "
                    "steps; export it again with `karapace records export`",
                    file, step_title(graph, edge), edge.key.short_hex()));
  }
}

FirstCause first_cause(const store::Store& store, const Divergence& cause, const ReadDocument& document) {
  const auto* here = layer_of(cause.first);
  const auto* there = layer_of(cause.second);
  FirstCause details;
  if (!here || !there) return details;
  const auto& steps = document.steps;
  auto other = std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.key == cause.step; });
  if (!other->listing) {
    details.note = "to learn which files differ, export with `karapace records export --listings`";
    return details;
  }
  auto listing =
      store::Listing::parse(*other->listing, fmt::format("{}: the listing of {}", document.file, other->title));
  if (listing.id() != *there) {
    throw Error(
        fmt::format("{}: the listing of {} is not that of its layer; export it again", document.file, other->title));
  }
  details.files = compare_files({store.listing(*here), {}}, {std::move(listing), {}}, 0);
  return details;
}

constexpr unsigned copies_at_once = 4;

struct Elsewhere {
  fs::path build;  // at another depth than a project's
  fs::path store;
  fs::path home;
  fs::path temporary;
};

Elsewhere make_elsewhere(const fs::path& root) {
  Elsewhere place{root / "elsewhere/another directory/build", root / "elsewhere/store", root / "elsewhere/home",
                  root / "elsewhere/tmp"};
  std::error_code error;
  for (const auto& path : {place.build, place.home, place.temporary}) {
    fs::create_directories(path, error);
    if (error) throw Error(fmt::format("reproduce: cannot make \"{}\": {}", path.native(), error.message()));
  }
  return place;
}

/// Every blob of the graph's fetch steps, by the digest that the step asks for.
std::map<std::string, std::vector<std::string>> blobs_of(const RebuildRequest& request) {
  std::map<std::string, std::vector<std::string>> files;
  for (const auto& [key, record] : request.graph.records) {
    if (record.step.kind != StepKind::fetch) continue;
    auto digest = record.step.parameter("sha256");
    if (!digest) digest = record.step.required("blake3");
    files[std::string(*digest)] = {request.store.blob_path(record.blob().blob).native()};
  }
  return files;
}

bool runs_commands(const graph::Edge& edge) {
  const auto kind = edge.step.kind;
  return kind == StepKind::install || kind == StepKind::setup || kind == StepKind::compile;
}

/// What a first build told of its layers is not told again.
void silence_notes(graph::Graph& graph) {
  for (auto& edge : graph.edges)
    if (runs_commands(edge)) edge.hints.push_back({"quiet", "yes"});
}

/// The store goes with the comparison: what still syncs it then would keep its directory.
void leave_unsynced(graph::Graph& graph) {
  for (auto& edge : graph.edges)
    if (edge.step.kind == StepKind::environment) edge.hints.push_back({"sync", "no"});
}

VariedThing vary_clock(const RebuildRequest& request, graph::Graph& graph) {
  if (request.same.contains("clock")) return {"clock", false, "as asked"};
  try {
    find_program("karapace-moved-clock.so");
  } catch (const Error&) {
    return {"clock", false, "this Karapace was built without karapace-moved-clock.so"};
  }
  for (auto& edge : graph.edges) {
    if (runs_commands(edge)) edge.hints.push_back({"clock", std::to_string(clock_offset)});
  }
  return {"clock", true, fmt::format("clock +{} days", clock_offset / 86400)};
}

/// A question of whoever asks: a call that a signal interrupts may fail then (runtime/init/directory_order.hpp).
VariedThing vary_order(const RebuildRequest& request, graph::Graph& graph) {
  if (!request.other_order) return {"order", false, "the file system's order; see --order"};
  for (auto& edge : graph.edges)
    if (runs_commands(edge)) edge.hints.push_back({"order", "other"});
  return {"order", true, "order of directories"};
}

void write_graph(const RebuildRequest& request, const Elsewhere& place, const graph::Graph& graph) {
  project::BuildDirectory directory(place.build);
  store::GraphFiles files(store::Store::open(place.store, store::Store::Access::create), place.build, "build.ninja");
  auto mirrors = files.add("mirrors.json", resolve::mirrors_text({}, blobs_of(request)));
  graph::Local local;
  local.store = place.store;
  local.step_program = find_program("karapace-step");
  local.mirrors = mirrors;
  local.arguments = files.path();
  local.fetch_depth = copies_at_once;
  local.install_depth = static_cast<unsigned>(request.jobs.value_or(2));
  for (const auto& [name, environment] : request.graph.environments)
    local.environments.push_back({name, environment.id, environment.step});
  for (const auto& edge : graph.edges) {
    if (!graph::has_arguments_file(edge)) continue;
    files.add(edge.key.hex(), graph::arguments_file_text(edge, place.store, mirrors));
  }
  directory.write_graph(graph::ninja_text(graph), graph::local_text(local), 0);
  files.finish();
}

/// Goes on after a failure: what does not depend on it can still be compared.
std::vector<std::string> ninja_words(const RebuildRequest& request, unsigned processors) {
  std::vector<std::string> words = {"-k", "0", "-j", std::to_string(request.jobs.value_or(processors))};
  if (request.is_verbose) words.emplace_back("-v");
  return words;
}

std::size_t place_of(const VariedThing& thing) {
  const auto& names = variation_names;
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), thing.name) - names.begin());
}

}  // namespace

ReadDocument read_document(const std::string& file) {
  auto found = open_if_exists(AT_FDCWD, file, O_RDONLY);
  if (!found) throw NotFoundError(fmt::format("reproduce: there is no file \"{}\"", file));
  return {file, parse_document(read_all(found->get(), fmt::format("\"{}\"", file), largest_document), file)};
}

RecordedGraph graph_of_document(const store::Store& store, const ReadDocument& document) {
  std::vector<StepKey> keys;
  for (const auto& step : document.steps) {
    if (!store.record(step.key)) {
      throw NotFoundError(
          fmt::format("reproduce: {} ({}) of {} is not built here; build the environment from the same "
                      "lock first (karapace build --locked)",
                      step.title, step.key.short_hex(), document.file));
    }
    keys.push_back(step.key);
  }
  return recorded_graph(store, keys);
}

Reproduction compare_with_document(const store::Store& store, const RecordedGraph& graph,
                                   const ReadDocument& document) {
  auto theirs = outputs_of(document.steps);
  require_known(graph, theirs, document.file);
  Reproduction result;
  result.against = document.file;
  result.comparison = compare(graph.graph, outputs_of(graph), theirs);
  const auto& causes = result.comparison.causes;
  if (!causes.empty()) result.first = first_cause(store, causes.front(), document);
  return result;
}

Rebuild rebuild(const RebuildRequest& request) {
  auto place = make_elsewhere(request.place);
  auto graph = request.graph.graph;
  silence_notes(graph);
  leave_unsynced(graph);
  auto clock = vary_clock(request, graph);
  auto order = vary_order(request, graph);
  write_graph(request, place, graph);
  Variation variation{.same = request.same,
                      .home = place.home,
                      .temporary = place.temporary,
                      .readable = {request.store.root() / "blobs", place.store / "steps", place.store / "graphs",
                                   find_program("karapace-step"), find_program("karapace-init")}};
  auto run = run_varied(variation, [&](unsigned processors) {
    return project::run_ninja(ninja_words(request, processors), place.build, ChildOutput::to_stderr);
  });
  Rebuild result{place.store, run.status, std::move(run.things)};
  result.things.push_back(std::move(clock));
  result.things.push_back(std::move(order));
  result.things.push_back({"directory", true, "directory"});
  std::sort(result.things.begin(), result.things.end(),
            [](const VariedThing& a, const VariedThing& b) { return place_of(a) < place_of(b); });
  return result;
}

}  // namespace karapace::proof
