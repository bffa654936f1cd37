// SPDX-License-Identifier: Apache-2.0
// Salvage: what the records in the quarantine still tell.
//
// A repair takes step records, environments and roots out of use that were damaged or derived from something damaged.
// What they named must not look like garbage for that: a project whose record lost one byte still needs its downloads,
// and an instance its environment's lock, from which that is built again. So gc keeps whatever digest stands in such a
// record, be it whole or not, and the record itself, until a new one of the same name is there or nothing needs it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// Every word of 64 hex digits in a text.
std::set<Digest> digests_in(std::string_view text);

struct SalvagedRecord {
  std::set<Digest> digests;  // that it holds
  bool whole = false;        // else one of them may be another than it was
};
/// By the record's name.
using Salvaged = std::map<Digest, SalvagedRecord>;

struct Salvage {
  Salvaged steps;
  Salvaged environments;
  Salvaged roots;
};

Salvage read_salvage(const Store& store);

/// Which record it is in the quarantine: "steps-<digest>.1" → {"steps", digest}; nothing when it is something else.
struct QuarantinedRecord {
  std::string directory;
  Digest name;
};
std::optional<QuarantinedRecord> quarantined_record(std::string_view name);

}  // namespace karapace::store
