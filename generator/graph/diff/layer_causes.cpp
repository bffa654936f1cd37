// SPDX-License-Identifier: Apache-2.0
// Layers of the manifest's own.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "generator/graph/diff/lock_causes.hpp"

namespace karapace::diff {

namespace {

using Layers = std::vector<lock::LockedLayer>;

Cause layer_cause(CauseKind kind, const lock::LockedLayer& layer) {
  return {kind, Stage::layers, layer.name(), std::nullopt, std::nullopt, {}, {}};
}

/// Of two with one title each is a layer of its own.
std::vector<std::pair<std::string, std::size_t>> places(const Layers& layers) {
  std::vector<std::pair<std::string, std::size_t>> all;
  std::map<std::string, std::size_t> count;
  for (const auto& layer : layers) all.emplace_back(layer.name(), count[layer.name()]++);
  return all;
}

class LayerComparison {
 public:
  LayerComparison(std::vector<Cause>& causes, const LockPair& locks)
      : causes_(causes),
        locks_(locks),
        before_(locks.before.layers),
        after_(locks.after.layers),
        old_(places(before_)),
        now_(places(after_)) {}

  void run() {
    const auto known = causes_.size();
    for (std::size_t i = 0; i < after_.size(); ++i) compare_or_add(i);
    for (std::size_t i = 0; i < before_.size(); ++i)
      if (!is_there(now_, old_[i]) && !moved_.contains(i))
        causes_.push_back(layer_cause(CauseKind::layer_removed, before_[i]));
    if (causes_.size() == known && old_ != now_)
      causes_.push_back({CauseKind::layer_order, Stage::layers, "layers", std::nullopt, std::nullopt, {}, {}});
  }

 private:
  using Places = std::vector<std::pair<std::string, std::size_t>>;

  static bool is_there(const Places& all, const Places::value_type& place) {
    return std::find(all.begin(), all.end(), place) != all.end();
  }

  void compare_or_add(std::size_t index) {
    const auto found = std::find(old_.begin(), old_.end(), now_[index]);
    if (found == old_.end()) return add(after_[index]);
    const auto& before = before_[static_cast<std::size_t>(found - old_.begin())];
    const auto& after = after_[index];
    auto cause = layer_cause(CauseKind::layer_changed, after);
    if (before.content != after.content) {
      cause.details.push_back("other content");
      cause.before = before.content.hex();
      cause.after = after.content.hex();
    }
    if (locks_.whole() && before.archive != after.archive)
      cause.details.push_back(fmt::format("is read from {}, was {}", after.archive, before.archive));
    if (!cause.details.empty()) causes_.push_back(std::move(cause));
  }

  /// The same bytes under another name were called so.
  void add(const lock::LockedLayer& layer) {
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (before_[i].content != layer.content || is_there(now_, old_[i]) || !moved_.insert(i).second) continue;
      auto cause = layer_cause(CauseKind::layer_changed, layer);
      cause.details.push_back(fmt::format("was {}", before_[i].name()));
      causes_.push_back(std::move(cause));
      return;
    }
    causes_.push_back(layer_cause(CauseKind::layer_added, layer));
  }

  std::vector<Cause>& causes_;
  const LockPair& locks_;
  const Layers& before_;
  const Layers& after_;
  Places old_;
  Places now_;
  std::set<std::size_t> moved_;  // those of before that have another name now
};

}  // namespace

void append_layer_causes(std::vector<Cause>& causes, const LockPair& locks) {
  if (locks.before.layers != locks.after.layers) LayerComparison(causes, locks).run();
}

}  // namespace karapace::diff
