// SPDX-License-Identifier: Apache-2.0
// Contents: what a store holds at one moment, and what of it is needed. The pure part of gc.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
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
  bool anything = false;  // something is damaged that may have needed whatever there is
};

Live live_contents(const Contents& contents, const Reasons& reasons);
/// Adds what is needed for further reasons. `live` is of these contents, which may have grown since.
void extend_live(Live& live, const Contents& contents, const Reasons& reasons);

/// What has come to a store since its contents were read. Others wait while gc asks for it, and the contents of a large
/// store take long to read: so names are looked at again, and only what is new behind them is read.
class Newcomers {
 public:
  /// To be made before the contents are read.
  explicit Newcomers(const Store& store);

  /// Puts new records and environments into `contents`, and says what else lives for them, for roots and instances that
  /// are new or were changed, and for running steps. What has gone since stays in `contents`. StoreError when something
  /// new is damaged.
  Reasons meet(Contents& contents);

  /// Whether a repair has taken something out of use since: then the contents must be read anew.
  bool was_repaired() const;

 private:
  /// What the file system says of the parts of a thing that tell what it needs: it changes whenever they do.
  using Stamp = std::vector<std::int64_t>;
  using Stamps = std::map<std::string, Stamp>;

  std::vector<std::string> changed(Stamps& known, const char* directory) const;

  const Store& store_;
  Stamps environments_;
  Stamps roots_;
  Stamps instances_;
  std::vector<std::string> quarantine_;
};

}  // namespace karapace::store
