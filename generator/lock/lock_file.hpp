// SPDX-License-Identifier: Apache-2.0
// The lock's file: karapace.lock beside the manifest.
#pragma once

#include <filesystem>
#include <optional>

#include "generator/lock/lock.hpp"

namespace karapace::lock {

/// The lock of a manifest: "karapace.lock" for "karapace.toml", "NAME.lock" for "NAME.toml", "NAME" + ".lock" for
/// others.
std::filesystem::path lock_path(const std::filesystem::path& manifest);
/// Nothing when there is no file. LockError when it is not a lock.
std::optional<Lock> read_lock_if_exists(const std::filesystem::path& path);
/// Replaces the file durably; leaves it alone when it holds these bytes already. True when it was written.
bool write_lock(const std::filesystem::path& path, const Lock& lock);

}  // namespace karapace::lock
