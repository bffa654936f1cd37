// SPDX-License-Identifier: Apache-2.0
// Package changes: what a new lock installs that the old one did not, for people.
#pragma once

#include <string>
#include <vector>

#include "generator/lock/lock.hpp"

namespace karapace::generator {

/// "+ ripgrep 13.0.0-4", "- nano 7.2-1", "~ git 2.39.2 → 2.39.5", by name.
std::vector<std::string> package_changes(const Lock& before, const Lock& after);

}  // namespace karapace::generator
