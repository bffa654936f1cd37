// SPDX-License-Identifier: Apache-2.0
// Base archives when locking: how large a root file system archive is, and what it says about itself
// (base_contents.hpp).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/project/base_contents.hpp"
#include "generator/project/project.hpp"

namespace karapace::project {

/// Where the archive is: a URL, or an absolute path. `directory`: the manifest's, here as below.
std::string archive_location(const manifest::BaseArchive& archive, const std::filesystem::path& directory);

/// Its size: `known` when that is of the same archive, else that of the file; a URL is downloaded into the store.
/// ManifestError when there is no such file; RemoteError when the server does not answer.
lock::LockedArchive locked_archive(const manifest::BaseArchive& archive,
                                   const std::optional<lock::LockedArchive>& known,
                                   const std::filesystem::path& directory, const MachinePaths& paths);

/// Fetches and unpacks it into the store unless it is there. ManifestError when it is not of a Debian or Ubuntu system.
BaseContents read_archive(const manifest::BaseArchive& archive, const lock::LockedArchive& locked,
                          const std::filesystem::path& directory, const MachinePaths& paths);

}  // namespace karapace::project
