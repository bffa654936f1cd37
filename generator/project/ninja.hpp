// SPDX-License-Identifier: Apache-2.0
// Ninja, as Karapace calls it: NINJA, else the first of ninja, ninja-build and samu in PATH.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "generator/project/generate.hpp"

namespace karapace::project {

/// Runs ninja with these arguments in `directory`. Error telling what to install when there is none.
int run_ninja(const std::vector<std::string>& arguments, const std::filesystem::path& directory, ChildOutput output);

/// Ninja's log remembers when it last wrote build.ninja itself. When somebody else just did, its memory is refreshed;
/// else the next `ninja` would write the same graph once more.
void note_regenerated(const Generated& generated, const std::filesystem::path& directory);

}  // namespace karapace::project
