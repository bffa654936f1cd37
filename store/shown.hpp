// SPDX-License-Identifier: Apache-2.0
// What running sessions may write to, noted in the store, where nothing that runs in them can reach: `karapace gen`
// must not make a graph there, which the session could change before the host believes it.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// Of gen (LOCK_EX) while it writes graphs, and of sessions (LOCK_SH) from the look at what is to be covered until it
/// is. Whoever asks first is first. Nothing when others have not let it go for `patience`.
std::optional<FileLock> lock_graphs(const Store& store, int mode, std::chrono::seconds patience);

/// The name by which a directory is noted: its device and inode, "" when it is none. One directory has one name,
/// whatever the path to it.
std::string shown_name(const std::filesystem::path& directory);
/// Notes it while the lock lives.
FileLock note_shown(const Store& store, const std::string& name);
/// The directory itself, or the nearest one above, that is noted.
std::optional<std::filesystem::path> shown_above(const Store& store, const std::filesystem::path& directory);

}  // namespace karapace::store
