// SPDX-License-Identifier: Apache-2.0
// Base archives when locking: what a root file system archive says about itself.
//
// The archive is fetched and unpacked by the very steps that a build runs (so a build finds them done), and then read
// from its layer: which distribution it is, and what its dpkg counts as installed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/project/project.hpp"

namespace karapace::project {

/// Where the archive is: a URL, or an absolute path. `directory`: the manifest's, here as below.
std::string archive_location(const manifest::BaseArchive& archive, const std::filesystem::path& directory);

/// Its size: `known` when that is of the same archive, else that of the file; a URL is downloaded into the store.
/// ManifestError when there is no such file; RemoteError when the server does not answer.
lock::LockedArchive locked_archive(const manifest::BaseArchive& archive,
                                   const std::optional<lock::LockedArchive>& known,
                                   const std::filesystem::path& directory, const MachinePaths& paths);

struct ArchiveContents {
  std::string distribution;   // ID of etc/os-release
  std::string suite;          // VERSION_CODENAME
  std::string dpkg_status;    // var/lib/dpkg/status
  std::string architectures;  // var/lib/dpkg/arch, "" when it knows its own only
};

/// Fetches and unpacks it into the store unless it is there. ManifestError when it is not of a Debian or Ubuntu system.
ArchiveContents read_archive(const manifest::BaseArchive& archive, const lock::LockedArchive& locked,
                             const std::filesystem::path& directory, const MachinePaths& paths);

}  // namespace karapace::project
