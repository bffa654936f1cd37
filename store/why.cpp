// SPDX-License-Identifier: Apache-2.0
// The store's contents as a graph of what needs what, walked backwards from the thing that is asked for.
#include "store/why.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file_lock.hpp"
#include "store/contents.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t shortest_prefix = 4;
constexpr std::size_t shown_candidates = 8;

bool is_needed_by_itself(KeptKind kind) { return kind < KeptKind::environment; }

class Needs {
 public:
  explicit Needs(const Store& store) : contents_(read_contents(store, nullptr, 1)) {
    add_records();
    add_environments(store);
    add_roots();
    add_pins(read_pins(store.staging_path()));
    for (const auto& id : contents_.layers) things_.insert(layer(id));
    for (const auto& id : contents_.blobs) things_.insert(blob(id));
    add_damaged_instances();
  }

  std::vector<KeptThing> begin_with(std::string_view prefix) const {
    std::vector<KeptThing> found;
    for (const auto& thing : things_) {
      const bool can_be_asked_for = thing.kind >= KeptKind::environment || thing.kind == KeptKind::instance;
      if (can_be_asked_for && thing.name.starts_with(prefix)) found.push_back(thing);
    }
    return found;
  }

  WhyKept explain(const KeptThing& thing) const {
    WhyKept why{thing, {}};
    std::map<KeptThing, KeptThing> next{{thing, thing}};  // on the way to the thing
    std::deque<KeptThing> pending{thing};
    while (!pending.empty()) {
      const auto at = pending.front();
      pending.pop_front();
      if (is_needed_by_itself(at.kind)) why.ways.push_back(way_from(at, thing, next));
      auto [begin, end] = needed_by_.equal_range(at);
      for (auto needer = begin; needer != end; ++needer) {
        if (next.emplace(needer->second, at).second) pending.push_back(needer->second);
      }
    }
    return why;
  }

 private:
  static KeptThing layer(const LayerId& id) { return {KeptKind::layer, id.hex(), {}}; }
  static KeptThing blob(const BlobId& id) { return {KeptKind::blob, id.hex(), {}}; }
  static KeptThing environment(const EnvironmentId& id) { return {KeptKind::environment, id.hex(), {}}; }
  KeptThing step(const StepKey& key) const {
    auto found = contents_.records.find(key);
    const auto kind = found == contents_.records.end() ? "" : text(found->second.step.kind);
    return {KeptKind::step, key.hex(), std::string(kind)};
  }

  void add(const KeptThing& needer, const KeptThing& needed) {
    things_.insert(needer);
    needed_by_.emplace(needed, needer);
  }

  void add_records() {
    for (const auto& [key, record] : contents_.records) {
      const auto needer = step(key);
      things_.insert(needer);
      for (const auto& input : record.step.inputs) add(needer, step(input));
      if (auto* made = std::get_if<BlobOutput>(&record.output)) add(needer, blob(made->blob));
      if (auto* made = std::get_if<LayerOutput>(&record.output)) add(needer, layer(made->layer));
      if (auto* made = std::get_if<EnvironmentOutput>(&record.output)) add(needer, environment(made->environment));
    }
  }

  void add_environments(const Store& store) {
    for (const auto& [id, record] : contents_.environments) {
      const auto needer = environment(id);
      for (const auto& one : record.layers) add(needer, layer(one));
      add(needer, blob(record.lock));
      add(needer, step(record.step));
      // As gc asks: a session holds the record's lock.
      if (!FileLock::try_acquire_existing(store.environment_path(id), LOCK_EX))
        add({KeptKind::session, id.hex(), {}}, needer);
    }
  }

  void add_roots() {
    for (const auto& root : contents_.roots) {
      const KeptThing needer{KeptKind::project, root.manifest.native(), root.name};
      add(needer, environment(root.environment));
      for (const auto& key : root.steps) add(needer, step(key));
    }
    for (const auto& instance : contents_.instances)
      for (const auto& id : instance.environments)
        add({KeptKind::instance, instance.id, instance.name}, environment(id));
    for (const auto& [name, record] : contents_.salvage.roots)
      add_digests({KeptKind::quarantine, name.hex(), {}}, record);
    for (const auto& [name, record] : contents_.salvage.steps) add_digests(step(StepKey(name)), record);
    for (const auto& [name, record] : contents_.salvage.environments)
      add_digests(environment(EnvironmentId(name)), record);
  }

  /// They may need whatever there is.
  void add_damaged_instances() {
    const auto all = things_;
    for (const auto& instance : contents_.instances) {
      if (instance.all_known) continue;
      for (const auto& thing : all)
        if (!is_needed_by_itself(thing.kind)) add({KeptKind::instance, instance.id, instance.name}, thing);
    }
  }

  /// Of whatever they are.
  void add_digests(const KeptThing& needer, const SalvagedRecord& record) {
    for (const auto& digest : record.digests) {
      add(needer, step(StepKey(digest)));
      add(needer, environment(EnvironmentId(digest)));
      add(needer, layer(LayerId(digest)));
      add(needer, blob(BlobId(digest)));
    }
  }

  void add_pins(const Pins& pins) {
    for (const auto& making : pins.making) {
      const KeptThing needer{KeptKind::running_step, making.hex(), {}};
      for (const auto& key : pins.steps) add(needer, step(key));
      for (const auto& id : pins.layers) add(needer, layer(id));
      for (const auto& id : pins.blobs) add(needer, blob(id));
    }
  }

  static std::vector<KeptThing> way_from(KeptThing at, const KeptThing& thing,
                                         const std::map<KeptThing, KeptThing>& next) {
    std::vector<KeptThing> way;
    for (; at != thing; at = next.at(at)) way.push_back(at);
    way.push_back(thing);
    return way;
  }

  Contents contents_;
  std::set<KeptThing> things_;
  std::multimap<KeptThing, KeptThing> needed_by_;
};

std::string shown(const KeptThing& thing) { return fmt::format("{} {}", text(thing.kind), thing.name); }

}  // namespace

std::string_view text(KeptKind kind) noexcept {
  switch (kind) {
    case KeptKind::project: return "project";
    case KeptKind::instance: return "instance";
    case KeptKind::session: return "session";
    case KeptKind::running_step: return "running-step";
    case KeptKind::quarantine: return "quarantine";
    case KeptKind::environment: return "environment";
    case KeptKind::step: return "step";
    case KeptKind::layer: return "layer";
    case KeptKind::blob: return "blob";
  }
  return "";
}

std::vector<WhyKept> why_kept(const Store& store, std::string_view prefix) {
  const Needs needs(store);
  std::vector<KeptThing> found;
  if (prefix.size() >= shortest_prefix) found = needs.begin_with(prefix);
  std::set<std::string> names;
  for (const auto& thing : found) names.insert(thing.name);
  if (found.empty()) {
    throw NotFoundError(fmt::format(
        "the store has no blob, layer, step, environment or instance whose id begins with \"{}\" (at least {} "
        "digits)",
        escaped_utf8(prefix), shortest_prefix));
  }
  if (names.size() > 1) {
    std::vector<std::string> candidates;
    for (const auto& thing : found) {
      if (candidates.size() < shown_candidates) candidates.push_back(shown(thing));
    }
    throw NotFoundError(fmt::format("\"{}\" is ambiguous: {}{}", escaped_utf8(prefix), fmt::join(candidates, ", "),
                                    found.size() > candidates.size() ? ", ..." : ""));
  }
  std::vector<WhyKept> answers;
  for (const auto& thing : found) answers.push_back(needs.explain(thing));
  return answers;
}

}  // namespace karapace::store
