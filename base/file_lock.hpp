// SPDX-License-Identifier: Apache-2.0
// Locks between processes.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "base/fd.hpp"

namespace karapace {

/// flock(2) on a file made on demand; released when the value dies (or the process does).
class FileLock {
 public:
  /// Waits until the lock is free. `mode` is LOCK_EX or LOCK_SH.
  static FileLock acquire(const std::filesystem::path& path, int mode);
  /// Nothing when somebody else holds it.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path, int mode);
  /// The same on a file that must exist already (read access is enough): nothing when it does not exist, or was removed
  /// while waiting.
  static std::optional<FileLock> acquire_existing(const std::filesystem::path& path, int mode);
  /// Nothing when the file does not exist or somebody else holds the lock.
  static std::optional<FileLock> try_acquire_existing(const std::filesystem::path& path, int mode);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace karapace
