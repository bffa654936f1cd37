// SPDX-License-Identifier: Apache-2.0
// Removing trees that others may still write to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace karapace {

/// Removes a tree without following links, also through directories whose mode forbids it. Missing is fine.
/// Runs with the ids of the caller: trees with mapped owners are removed inside the user namespace.
void remove_tree(const std::filesystem::path& path);

/// For each path (a file or a tree; 0 when it is gone) the bytes of the files that would be freed if all of the paths
/// were removed: a file with several names counts once, with the first path that has one, and not at all when it has
/// names elsewhere. Uses the sizes that files show, not the blocks that they take.
std::vector<std::uint64_t> freed_bytes(const std::vector<std::filesystem::path>& paths, unsigned threads);

}  // namespace karapace
