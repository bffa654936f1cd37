// SPDX-License-Identifier: Apache-2.0
// Removing trees that others may still write to.
#pragma once

#include <filesystem>

namespace karapace {

/// Removes a tree without following links, also through directories whose mode forbids it. Missing is fine.
/// Runs with the ids of the caller: trees with mapped owners are removed inside the user namespace.
void remove_tree(const std::filesystem::path& path);

}  // namespace karapace
