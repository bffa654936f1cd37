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
    live_.blobs.insert(BlobId(id.digest()));  // the lock: from it the environment can be built again
    auto found = contents_.environments.find(id);
    if (found == contents_.environments.end()) return salvaged(contents_.salvage.environments, id.digest());
    live_.layers.insert(found->second.layers.begin(), found->second.layers.end());
    live_.blobs.insert(found->second.lock);
    step(found->second.step);
  }

  /// Whatever digests a record had that was taken away, of whatever they are.
  void all_of(const std::set<Digest>& digests) {
    for (const auto& digest : digests) {
      live_.blobs.insert(BlobId(digest));
      live_.layers.insert(LayerId(digest));
      step(StepKey(digest));
      environment(EnvironmentId(digest));
    }
  }

  void everything() {
    for (const auto& [key, record] : contents_.records) step(key);
    for (const auto& [id, record] : contents_.environments) environment(id);
    live_.layers.insert(contents_.layers.begin(), contents_.layers.end());
    live_.blobs.insert(contents_.blobs.begin(), contents_.blobs.end());
  }

  /// What led to something that lives is not known any more: all that steps made may have.
  bool anything_may_be_needed() const noexcept { return unknown_; }
  void know_all() noexcept { unknown_ = false; }

  Live& live() { return live_; }

 private:
  void salvaged(const Salvaged& records, const Digest& name) {
    auto found = records.find(name);
    if (found == records.end()) return;
    all_of(found->second.digests);
    if (!found->second.whole) unknown_ = true;
  }

  void follow(const StepKey& key) {
    auto found = contents_.records.find(key);
    if (found == contents_.records.end()) return salvaged(contents_.salvage.steps, key.digest());
    const auto& record = found->second;
    pending_.insert(pending_.end(), record.step.inputs.begin(), record.step.inputs.end());
    if (auto* blob = std::get_if<BlobOutput>(&record.output)) live_.blobs.insert(blob->blob);
    if (auto* layer = std::get_if<LayerOutput>(&record.output)) live_.layers.insert(layer->layer);
    if (auto* made = std::get_if<EnvironmentOutput>(&record.output)) environment(made->environment);
  }

  const Contents& contents_;
  std::vector<StepKey> pending_;
  bool unknown_ = false;
  Live live_;
};

}  // namespace

namespace {

/// names_in tells of a directory that is gone as of an empty one: then everything would be garbage.
void require_directories(const Store& store) {
  for (const char* name : {"roots", "instances", "steps", "environments"}) {
    if (std::filesystem::is_directory(store.root() / name)) continue;
    throw StoreError(
        fmt::format("the store \"{}\" has lost its directory \"{}\", which says what is needed: bring it back from a "
                    "backup",
                    escaped_utf8(store.root().native()), name));
  }
}

}  // namespace

Contents read_contents(const Store& store, const Contents* known, unsigned threads) {
  require_directories(store);
  Contents contents;
  contents.records = read_records(store, known, threads);
  for (auto& environment : environments(store)) contents.environments.emplace(environment.id, std::move(environment));
  contents.layers = id_set<LayerId>(store, "layers");
  contents.blobs = id_set<BlobId>(store, "blobs");
  contents.logs = id_set<StepKey>(store, "logs");
  contents.roots = roots(store);
  contents.instances = needs_of_instances(store);
  contents.salvage = read_salvage(store);
  std::erase_if(contents.salvage.roots,
                [&](const auto& root) { return std::filesystem::exists(store.roots_path() / root.first.hex()); });
  return contents;
}

Live live_contents(const Contents& contents, const Reasons& reasons) {
  Marking marking(contents);
  for (const auto& root : contents.roots) {
    for (const auto& key : root.steps) marking.step(key);
    marking.environment(root.environment);
  }
  for (const auto& [name, record] : contents.salvage.roots) marking.all_of(record.digests);
  marking.know_all();  // roots list every step themselves
  for (const auto& instance : contents.instances) {
    for (const auto& id : instance.environments) marking.environment(id);
    if (!instance.all_known) marking.everything();
  }
  for (const auto& id : reasons.environments) marking.environment(id);
  for (const auto& key : reasons.steps) marking.step(key);
  for (const auto& key : reasons.pins.steps) marking.step(key);
  for (const auto& key : reasons.pins.making) marking.step(key);
  for (const auto& [id, environment] : contents.environments) {
    if (reasons.pins.making.contains(environment.step)) marking.environment(id);
  }
  if (marking.anything_may_be_needed()) {
    for (const auto& [key, record] : contents.records) marking.step(key);
  }
  marking.live().blobs.insert(reasons.pins.blobs.begin(), reasons.pins.blobs.end());
  marking.live().layers.insert(reasons.pins.layers.begin(), reasons.pins.layers.end());
  return std::move(marking.live());
}

}  // namespace karapace::store
