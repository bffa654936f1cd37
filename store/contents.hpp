// SPDX-License-Identifier: Apache-2.0
// Contents: what a store holds at one moment, and what of it is needed. The pure part of gc.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "store/environment.hpp"
#include "store/instance.hpp"
#include "store/pins.hpp"
#include "store/root.hpp"
#include "store/salvage.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// Everything that has a name in the store. Reading it throws StoreError when a record is damaged or a name is not one
/// of ours.
struct Contents {
  std::map<StepKey, StepRecord> records;
  std::map<EnvironmentId, Environment> environments;
  std::set<LayerId> layers;
  std::set<BlobId> blobs;
  std::set<StepKey> logs;
  std::vector<Root> roots;
  std::vector<InstanceNeeds> instances;
  Salvage salvage;  // of records that a repair took away and that are not there again
};

/// Reads the contents. Records that `known` (null: none) has are not read again: they never change.
Contents read_contents(const Store& store, const Contents* known, unsigned threads);

/// What must stay.
struct Live {
  std::set<StepKey> steps;
  std::set<EnvironmentId> environments;
  std::set<LayerId> layers;
  std::set<BlobId> blobs;
};

/// What is needed for reasons that the contents do not show.
struct Reasons {
  std::set<StepKey> steps;
  std::set<EnvironmentId> environments;
  Pins pins;
};

Live live_contents(const Contents& contents, const Reasons& reasons);

}  // namespace karapace::store
