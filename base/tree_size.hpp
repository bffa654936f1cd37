// SPDX-License-Identifier: Apache-2.0
// How many bytes removing trees would free.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace karapace {

/// For each path (a file or a tree; 0 when it is gone) the bytes of the files that would be freed if all of the paths
/// were removed: a file with several names counts once, with the first path that has one, and not at all when it has
/// names elsewhere. Uses the sizes that files show, not the blocks that they take.
std::vector<std::uint64_t> freed_bytes(const std::vector<std::filesystem::path>& paths, unsigned threads);

}  // namespace karapace
