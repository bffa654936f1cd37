// SPDX-License-Identifier: Apache-2.0
// Where the files that a pattern names really are: links may lead from where a program looks to anywhere else.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace karapace::steps {

/// A path without links, relative to the root, as in a listing.
struct LinkedPlace {
  std::string path;
  bool is_all_below = false;  // it stands for what is in it
};

/// Where links lead, as a session over `trees` (bottom first; the upper directory on top) follows them: those among the
/// directories of each pattern (canonical_rules.hpp), and at what it names. None leads out of the trees. The places of
/// patterns[i] are at [i], those that the pattern's own text names among them. Runs in the user namespace.
std::vector<std::vector<LinkedPlace>> linked_places(const std::vector<std::filesystem::path>& trees,
                                                    const std::vector<std::string>& patterns);

}  // namespace karapace::steps
