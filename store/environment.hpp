// SPDX-License-Identifier: Apache-2.0
// Environments: immutable records of what was built, `environments/<id>`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// `environments/<id>`: written by the environment step, deterministic.
struct Environment {
  EnvironmentId id;
  StepKey step;                 // the step that made it
  std::vector<LayerId> layers;  // bottom first
  BlobId lock;                  // the canonical lock, kept as a blob
  RuntimeConfiguration runtime;
  std::string text() const;
  static Environment parse(std::string_view text, std::string_view what);
};

/// An equal record that exists already is kept.
void add_environment(const Store& store, const Environment& environment);
/// Nothing when it was not built (or was collected).
std::optional<Environment> find_environment(const Store& store, const EnvironmentId& id);
/// The first of its layers that the store has lost; nothing when all are there.
std::optional<LayerId> lost_layer(const Store& store, const Environment& environment);
/// All built environments, sorted by id. A damaged record throws: it must not make its contents look like garbage.
std::vector<Environment> environments(const Store& store);

/// For sessions: a shared lock on the environment's record. While it lives, gc keeps the environment and its layers.
/// Take it before mounting. Works in a read-only store. NotFoundError when the environment is not built.
FileLock use_environment(const Store& store, const EnvironmentId& id);

}  // namespace karapace::store
