// SPDX-License-Identifier: Apache-2.0
// Conflicts: what keeps the changes of an instance from being put above another environment as they are.
//
// An upper directory covers what lies below it. Where the two environments show the same there, it makes no difference
// which of them it is; where they do not, what the changes were made to is gone, or hidden by them.
#pragma once

#include <string>
#include <vector>

#include "store/changes.hpp"
#include "store/environment.hpp"
#include "store/generation.hpp"

namespace karapace::store {

/// The layers' trees, bottom first.
std::vector<std::filesystem::path> trees_of(const Store& store, const Environment& environment);

/// The paths in the generation's upper directory, but for untouched scaffold, where the environment that it is in and
/// the other one show something different. Runs inside the user namespace.
std::vector<std::string> find_conflicts(const Store& store, const Generation& generation,
                                        const Environment& environment, const Environment& other,
                                        const ChangesOptions& options);

}  // namespace karapace::store
