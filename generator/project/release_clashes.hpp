// SPDX-License-Identifier: Apache-2.0
// Packages of a release that do not fit into one tree, told before anything is built, as far as the store knows what
// is in them.
#pragma once

#include "generator/graph/graph.hpp"
#include "generator/lock/lock.hpp"
#include "generator/project/project.hpp"
#include "store/store.hpp"

namespace karapace::project {

/// Packages that are not built yet count for nothing, and a release that was assembled fits. ManifestError with the
/// place of a source when two of them do not fit.
void refuse_known_clashes(const Project& project, const lock::LockedRelease& release,
                          const graph::PlannedRelease& planned, const store::Store& store);

}  // namespace karapace::project
