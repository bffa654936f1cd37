// SPDX-License-Identifier: Apache-2.0
// Exporting changes: what was added or changed in an upper directory, as ordinary files for others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/changes.hpp"
#include "store/tree_walk.hpp"

namespace karapace::store {

struct Exported {
  std::uint64_t files = 0;  // names of every kind but directories
  std::uint64_t bytes = 0;  // of their content
};

struct ExportRequest {
  std::filesystem::path upper;
  const Changes& changes;
  Owners owners = Owners::from_disk;
  int parent;                   // the directory that the destination is made in
  std::string name;             // of the destination there
  std::filesystem::path shown;  // the whole of it, for messages
};

/// Writes what was added, modified or renamed, with the directories above it, to a new directory or, when the name ends
/// with ".tar", to a new archive: never to what is there already (an empty directory may be), and through no link, also
/// of sessions that run meanwhile. Modes, times and holes are kept; set-id bits, owners and attributes in an archive
/// only. Error that names the remedy; what was written until then stays. Runs inside the user namespace.
Exported export_changes(const ExportRequest& request);

}  // namespace karapace::store
