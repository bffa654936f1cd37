// SPDX-License-Identifier: Apache-2.0
// Graph sides: what a person's word for one side of a comparison stands for. Nothing is resolved or downloaded: graphs
// are read, or planned from the locks that there are.
//
//   a file         a build.ninja of ours; a lock; a manifest, which stands for its lock
//   a directory    every manifest below it that has a lock; without one, the build.ninja in it
//   a revision     of git: the same of the current directory, or of the other side's path, in that commit
//   REV:PATH       of git: a file or directory (relative to the current one) in that commit
//
// What exists as a path is a path, whatever git knows by that name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "generator/graph/diff/side.hpp"

namespace karapace::project {

struct GraphSides {
  diff::GraphSide before;
  diff::GraphSide after;
};

/// `after`: absent for the working directory as it is. Errors name the side's word: NotFoundError when it stands for
/// nothing, LockError, GraphError or ManifestError when what it stands for is refused. `cache`: the user's, where
/// digests of sources are kept.
GraphSides open_sides(const std::string& before, const std::optional<std::string>& after,
                      const std::filesystem::path& working_directory, const std::filesystem::path& cache);

/// One side alone, with the same errors.
diff::GraphSide open_side(const std::string& word, const std::filesystem::path& working_directory,
                          const std::filesystem::path& cache);

/// The build.ninja in a directory, with the names and locks beside it as far as `other` does not have them, too.
/// GraphError when it is not of ours.
diff::GraphSide read_build_directory(const std::filesystem::path& directory, const diff::GraphSide& other);

}  // namespace karapace::project
