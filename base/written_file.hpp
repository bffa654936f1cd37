// SPDX-License-Identifier: Apache-2.0
// The file that a path for an output means.
#pragma once

#include <filesystem>

namespace karapace {

/// Where links lead that are the path itself, also when nothing is there yet: what is renamed to it replaces the file
/// and no link. Error when they lead in circles.
std::filesystem::path written_file(std::filesystem::path path);

}  // namespace karapace
