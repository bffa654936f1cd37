// SPDX-License-Identifier: Apache-2.0
// Pins: what the owner of a staging directory needs of the store, written where gc reads it.
//
// `staging/<random>/.pins/` holds empty files named "<kind>-<digest>": the steps whose records and outputs the work
// reads, the step that it performs ("making-<key>"), and the blobs and layers that it added and whose record is still
// to come. Pins are written under the shared contents lock and count while the staging directory's lock is held.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "store/identifiers.hpp"
#include "store/step.hpp"

namespace karapace::store {

/// Pins one thing in the staging directory (a child of `staging_root`) that `inside` lies in. Does nothing when it
/// lies elsewhere. The caller holds the contents lock.
void pin(const std::filesystem::path& staging_root, const std::filesystem::path& inside, std::string_view kind,
         std::string_view name);

/// Pins a step and its inputs in `staging`. The caller holds the contents lock.
void pin_step(const std::filesystem::path& staging, const Step& step);

/// The step that the owner of the staging directory performs; nothing when none is pinned there.
std::optional<StepKey> step_made_in(const std::filesystem::path& staging);

struct Pins {
  std::set<StepKey> steps;   // read by somebody
  std::set<StepKey> making;  // being made by somebody
  std::set<BlobId> blobs;
  std::set<LayerId> layers;
};

/// The pins of all staging directories whose lock is held. The caller holds the contents lock exclusively.
Pins read_pins(const std::filesystem::path& staging_root);

}  // namespace karapace::store
