// SPDX-License-Identifier: Apache-2.0
#include "generator/project/locked_controls.hpp"

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "generator/graph/graph.hpp"

namespace karapace::project {

namespace {

constexpr std::string_view control_path = "meta/deb/control/control";

}  // namespace

std::map<Sha256, LayerId> unpacked_packages(const lock::Lock& lock, const store::Store& store) {
  std::map<Sha256, LayerId> layers;
  const auto graph = graph::plan(std::span(&lock, 1));
  std::unordered_map<StepKey, Sha256> fetched;
  for (const auto& edge : graph.edges) {
    if (auto sha256 = edge.step.parameter("sha256"); sha256 && edge.step.kind == StepKind::fetch)
      fetched.emplace(edge.key, *Sha256::from_hex(*sha256));
    if (edge.step.kind != StepKind::unpack || edge.step.parameter("format") != lock::DebRepository::family) continue;
    const auto record = store.record(edge.key);
    if (record && store.has_layer(record->layer().layer))
      layers.emplace(fetched.at(edge.step.inputs.front()), record->layer().layer);
  }
  return layers;
}

std::optional<std::string> file_in_layer(const store::Store& store, const LayerId& layer, const store::Listing& listing,
                                         std::string_view path) {
  const auto* entry = listing.find(path);
  if (entry == nullptr || entry->type != store::EntryType::regular) return std::nullopt;
  auto text = read_file(store.layer_tree(layer) / path);
  if (blake3(text) == entry->content) return text;
  throw StoreError(
      fmt::format("the file \"{}\" in layer {} is damaged in the store; run `karapace verify-store "
                  "--repair`, then ninja again",
                  escaped_utf8(path), layer.short_hex()));
}

LockedControls locked_controls(const lock::Lock& lock, const store::Store& store) {
  LockedControls controls;
  for (const auto& [package, layer] : unpacked_packages(lock, store))
    if (auto text = file_in_layer(store, layer, store.listing(layer), control_path))
      controls.emplace(package,
                       deb::Stanza::parse(*text, fmt::format("the control file in layer {}", layer.short_hex())));
  return controls;
}

}  // namespace karapace::project
