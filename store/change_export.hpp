// SPDX-License-Identifier: Apache-2.0
// Exporting changes: what was added or changed in an upper directory, as ordinary files for others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/changes.hpp"

namespace karapace::store {

struct Exported {
  std::uint64_t files = 0;  // names of every kind but directories
  std::uint64_t bytes = 0;  // of their content
};

/// Writes what was added, modified or renamed, with the directories above it, to a new directory or, when the name ends
/// with ".tar", to a new archive: never to what is there already (an empty directory may be), and through no link.
/// Modes and times are kept; set-id bits, owners and attributes in an archive only. Error that names the remedy; what
/// was written until then stays. Runs inside the user namespace.
Exported export_changes(const std::filesystem::path& upper, const Changes& changes,
                        const std::filesystem::path& destination);

}  // namespace karapace::store
