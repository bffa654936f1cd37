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

/// The same for many trees at once. Large ones are divided among the threads. An error in one is thrown when all the
/// others are gone.
void remove_trees(const std::vector<std::filesystem::path>& paths, unsigned threads);

/// What removing a file or tree would do.
struct Survey {
  /// Of the files that would be freed if all of the surveyed paths were removed: a file with several names counts once,
  /// with the first path that has one, and not at all when it has names elsewhere. Uses the sizes that files show, not
  /// the blocks that they take.
  std::uint64_t bytes = 0;
  /// A directory that holds something which this process may not remove; empty when there is none.
  std::filesystem::path obstacle;
};

/// In the order of the paths. What is gone has neither.
std::vector<Survey> survey_trees(const std::vector<std::filesystem::path>& paths, unsigned threads);

}  // namespace karapace
