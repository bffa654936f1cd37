// SPDX-License-Identifier: Apache-2.0
// What a store is and whose: the file `version`, its first line "karapace store 2", then a sealed record.
//
// The trees of a store fit one id mode (runtime/sandbox/id_mode.hpp): files that belong to mapped ids in one can not be
// read in another, and count as others' there. So the first process that works on trees notes the mode, and another one
// is refused. A store whose record is missing (a person wrote the line anew) has none yet.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace karapace::store {

struct StoreIdentity {
  std::string file_system;     // of the directory, as statfs(2) knows it: "ext2/ext3", "xfs", hexadecimal else
  std::string id_mode = {};    // empty: nobody has worked on trees yet
  std::string id_ranges = {};  // the ids outside that it maps, "100000+65536"; empty but with subordinate ids
  std::uint32_t owner = 0;
  std::string migration = {};  // "to 2" or "to 1" while one is under way (migration.hpp)
};

/// The number of the version in the text of the file; nothing when it is damaged.
std::optional<int> version_of(std::string_view text);
std::string version_text(const StoreIdentity& identity);
/// The newest number, which this program uses.
inline constexpr int store_version = 2;

/// Writes the file.
void write_identity(const std::filesystem::path& root, const StoreIdentity& identity);
/// The record in the file; a fresh one when there is none or it is damaged.
StoreIdentity read_identity(const std::filesystem::path& root);

/// StoreError when the directory is on a network file system, where locks and renames do not hold.
void require_local_file_system(const std::filesystem::path& root);

/// Notes the id mode, or compares it: StoreError when the store's trees are of another. `reason` says why it is this
/// one now.
void claim_id_mode(const Store& store, const std::string& mode, const std::string& ranges, std::string_view reason);

}  // namespace karapace::store
