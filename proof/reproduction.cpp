// SPDX-License-Identifier: Apache-2.0
#include "proof/reproduction.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "store/identifiers.hpp"
#include "store/listing.hpp"

namespace karapace::proof {

namespace {

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

}  // namespace karapace::proof
