// SPDX-License-Identifier: Apache-2.0
// Lock causes: why an environment is another than before, from its two locks.
#pragma once

#include <vector>

#include "generator/graph/diff/cause.hpp"

namespace karapace::diff {

enum class Knowledge {
  whole,    // a lock
  outline,  // what a graph tells (lock_outline): what it can not tell is not compared
};

struct LockPair {
  const lock::Lock& before;
  const lock::Lock& after;
  Knowledge of_before = Knowledge::whole;
  Knowledge of_after = Knowledge::whole;

  bool whole() const noexcept { return of_before == Knowledge::whole && of_after == Knowledge::whole; }
  /// Another distribution, suite or base archive.
  bool other_base() const;
};

/// Sorted. Empty when nothing differs that can be compared.
std::vector<Cause> lock_causes(const LockPair& locks);

/// The parts of it; each appends, unsorted.
void append_package_causes(std::vector<Cause>& causes, const LockPair& locks);
void append_archive_causes(std::vector<Cause>& causes, const LockPair& locks);
void append_setup_causes(std::vector<Cause>& causes, const LockPair& locks);
void append_layer_causes(std::vector<Cause>& causes, const LockPair& locks);
void append_runtime_causes(std::vector<Cause>& causes, const LockPair& locks);

}  // namespace karapace::diff
