// SPDX-License-Identifier: Apache-2.0
#include "generator/project/locked_controls.hpp"

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "generator/graph/graph.hpp"

namespace karapace::project {

namespace {

constexpr std::string_view control_path = "meta/deb/control/control";

/// The file in the layer of an unpacked package, if it is there, proved by the layer's listing.
std::optional<std::string> control_text(const store::Store& store, const StepKey& unpack) {
  auto record = store.record(unpack);
  if (!record || !store.has_layer(record->layer().layer)) return std::nullopt;
  const auto& layer = record->layer().layer;
  const auto listing = store.listing(layer);
  const auto* entry = listing.find(control_path);
  if (entry == nullptr) return std::nullopt;
  auto text = read_file(store.layer_tree(layer) / control_path);
  if (blake3(text) == entry->content) return text;
  throw StoreError(
      fmt::format("the control file in layer {} is damaged in the store; run `karapace verify-store "
                  "--repair`, then ninja again",
                  layer.short_hex()));
}

}  // namespace

LockedControls locked_controls(const lock::Lock& lock, const store::Store& store) {
  LockedControls controls;
  const auto graph = graph::plan(std::span(&lock, 1));
  std::unordered_map<StepKey, Sha256> fetched;
  for (const auto& edge : graph.edges) {
    if (auto sha256 = edge.step.parameter("sha256"); sha256 && edge.step.kind == StepKind::fetch)
      fetched.emplace(edge.key, *Sha256::from_hex(*sha256));
    if (edge.step.kind != StepKind::unpack || edge.step.parameter("format") != lock::DebRepository::family) continue;
    if (auto text = control_text(store, edge.key))
      controls.emplace(fetched.at(edge.step.inputs.front()), deb::Stanza::parse(*text, edge.subject + ": control"));
  }
  return controls;
}

}  // namespace karapace::project
