// SPDX-License-Identifier: Apache-2.0
// Digests of source trees that were computed before: `gen` runs often, and most trees have not changed since.
//
// They are kept in the user's cache, a small file per tree, and believed while stat(2) tells of every file what it told
// then: path, mode, size, inode and both of its times, of which nobody can set ctime back. What changed within the last
// moments is not kept, as a further change might not be seen by its time. The file may be removed at any time; what is
// wrong with it makes the tree be read.
#pragma once

#include <filesystem>

#include "generator/project/source_tree.hpp"

namespace karapace::project {

/// As SourceTree::archive(-1). `cache`: the user's, or empty: nothing is kept then.
ArchiveDigests digests_of(const SourceTree& tree, const std::filesystem::path& cache);

}  // namespace karapace::project
