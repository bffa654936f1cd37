// SPDX-License-Identifier: Apache-2.0
// Lock causes: why an environment is another than before, from its two locks.
#pragma once

#include <vector>

#include "generator/graph/diff/cause.hpp"

namespace karapace::generator {

enum class Knowledge {
  whole,    // both are locks
  outline,  // at least one is what a graph tells (lock_outline): what it can not tell is not compared
};

/// Sorted. Empty when nothing differs that can be compared.
std::vector<Cause> lock_causes(const Lock& before, const Lock& after, Knowledge knowledge);

/// The parts of it; each appends, unsorted.
void append_package_causes(std::vector<Cause>& causes, const Lock& before, const Lock& after, Knowledge knowledge);
void append_archive_causes(std::vector<Cause>& causes, const Lock& before, const Lock& after, Knowledge knowledge);
void append_setup_causes(std::vector<Cause>& causes, const Lock& before, const Lock& after, Knowledge knowledge);
void append_runtime_causes(std::vector<Cause>& causes, const Lock& before, const Lock& after);

}  // namespace karapace::generator
