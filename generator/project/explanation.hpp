// SPDX-License-Identifier: Apache-2.0
// Explanation: which fields went into a step's key, from the same traversal that makes the key.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/graph/graph.hpp"
#include "store/store.hpp"

namespace karapace::project {

struct ExplainedStep {
  StepKey key;
  std::optional<Step> step;            // absent when neither a record nor a plan knows it
  std::optional<std::string> subject;  // what it is about, when a plan knows it
  std::optional<StepOutput> output;    // when it was built
  /// In encoding order: ("kind", "fetch"), ("parameters", "2"), ("parameter", "sha256"), ("sha256", "..."), ...
  std::vector<std::pair<std::string, std::string>> fields() const;
  /// "install 184 packages", "fetch (not built)"
  std::string title() const;
};

/// Everything that can be known about steps here: the store's records, and the plan of a lock.
class StepLibrary {
 public:
  explicit StepLibrary(std::optional<store::Store> store) : store_(std::move(store)) {}
  /// Adds the plan of this lock.
  void add(const lock::Lock& lock);

  ExplainedStep find(const StepKey& key) const;
  /// Every known key that begins with these digits, sorted.
  std::vector<StepKey> matching(std::string_view digits) const;

 private:
  std::optional<store::Store> store_;
  std::map<StepKey, graph::Edge> planned_;
};

}  // namespace karapace::project
