// SPDX-License-Identifier: Apache-2.0
#include "store/contents.hpp"

#include <mutex>

#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"

namespace karapace::store {

namespace {

template <class Id>
std::vector<Id> ids_in(const Store& store, const char* directory) {
  std::vector<Id> ids;
  for (const auto& name : names_in(store.root() / directory)) {
    auto id = Id::from_hex(name);
    if (!id) {
      throw StoreError(fmt::format("\"{}\" does not belong into a store; run `karapace verify-store --repair`",
                                   escaped_utf8((store.root() / directory / name).native())));
    }
    ids.push_back(*id);
  }
  return ids;
}

template <class Id>
std::set<Id> id_set(const Store& store, const char* directory) {
  auto ids = ids_in<Id>(store, directory);
  return {ids.begin(), ids.end()};
}

std::map<StepKey, StepRecord> read_records(const Store& store, const Contents* known, unsigned threads) {
  auto keys = ids_in<StepKey>(store, "steps");
  std::vector<std::optional<StepRecord>> found(keys.size());
  for_each_index(keys.size(), threads, [&](std::size_t i) {
    auto old = known ? known->records.find(keys[i]) : std::map<StepKey, StepRecord>::const_iterator{};
    found[i] = known && old != known->records.end() ? old->second : store.record(keys[i]);
  });
  std::map<StepKey, StepRecord> records;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i]) records.emplace_hint(records.end(), keys[i], std::move(*found[i]));
  }
  return records;
}

/// Collects what lives by following records and environments from the steps and environments that are asked for.
class Marking {
 public:
  explicit Marking(const Contents& contents) : contents_(contents) {}

  void step(const StepKey& key) {
    pending_.push_back(key);
    while (!pending_.empty()) {
      auto next = pending_.back();
      pending_.pop_back();
      if (live_.steps.insert(next).second) follow(next);
    }
  }

  void environment(const EnvironmentId& id) {
    if (!live_.environments.insert(id).second) return;
    auto found = contents_.environments.find(id);
    if (found == contents_.environments.end()) return;
    live_.layers.insert(found->second.layers.begin(), found->second.layers.end());
    live_.blobs.insert(found->second.lock);
    step(found->second.step);
  }

  Live& live() { return live_; }

 private:
  void follow(const StepKey& key) {
    auto found = contents_.records.find(key);
    if (found == contents_.records.end()) return;
    const auto& record = found->second;
    pending_.insert(pending_.end(), record.step.inputs.begin(), record.step.inputs.end());
    if (auto* blob = std::get_if<BlobOutput>(&record.output)) live_.blobs.insert(blob->blob);
    if (auto* layer = std::get_if<LayerOutput>(&record.output)) live_.layers.insert(layer->layer);
    if (auto* made = std::get_if<EnvironmentOutput>(&record.output)) environment(made->environment);
  }

  const Contents& contents_;
  std::vector<StepKey> pending_;
  Live live_;
};

}  // namespace

Contents read_contents(const Store& store, const Contents* known, unsigned threads) {
  Contents contents;
  contents.records = read_records(store, known, threads);
  for (auto& environment : environments(store)) contents.environments.emplace(environment.id, std::move(environment));
  contents.layers = id_set<LayerId>(store, "layers");
  contents.blobs = id_set<BlobId>(store, "blobs");
  contents.logs = id_set<StepKey>(store, "logs");
  contents.roots = roots(store);
  contents.instances = instances(store);
  return contents;
}

Live live_contents(const Contents& contents, const Reasons& reasons) {
  Marking marking(contents);
  for (const auto& root : contents.roots) {
    for (const auto& key : root.steps) marking.step(key);
    marking.environment(root.environment);
  }
  for (const auto& instance : contents.instances)
    for (const auto& id : environments_of(instance)) marking.environment(id);
  for (const auto& id : reasons.environments) marking.environment(id);
  for (const auto& key : reasons.steps) marking.step(key);
  for (const auto& key : reasons.pins.steps) marking.step(key);
  for (const auto& key : reasons.pins.making) marking.step(key);
  for (const auto& [id, environment] : contents.environments) {
    if (reasons.pins.making.contains(environment.step)) marking.environment(id);
  }
  marking.live().blobs.insert(reasons.pins.blobs.begin(), reasons.pins.blobs.end());
  marking.live().layers.insert(reasons.pins.layers.begin(), reasons.pins.layers.end());
  return std::move(marking.live());
}

}  // namespace karapace::store
