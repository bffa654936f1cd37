// SPDX-License-Identifier: Apache-2.0
// Staging: directories for work in progress, garbage when nobody holds their lock.
#pragma once

#include <filesystem>

#include "base/fd.hpp"

namespace karapace::store {

/// A private directory below staging/, locked while the value lives, removed (best effort) when it dies.
class Staging {
 public:
  Staging(Staging&&) noexcept;
  Staging& operator=(Staging&&) = delete;
  ~Staging();
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Removes the directory in a process for which nobody waits. It stays locked until then.
  void remove_in_background() && noexcept;

 private:
  friend class Store;
  Staging(std::filesystem::path path, Fd lock);
  std::filesystem::path path_;
  Fd lock_;
};

}  // namespace karapace::store
