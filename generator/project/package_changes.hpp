// SPDX-License-Identifier: Apache-2.0
// Package changes: what a new lock installs that the old one did not.
#pragma once

#include <vector>

#include "generator/graph/diff/cause.hpp"
#include "generator/lock/lock.hpp"

namespace karapace::generator {

/// By name.
std::vector<PackageChange> package_changes(const Lock& before, const Lock& after);

}  // namespace karapace::generator
