// SPDX-License-Identifier: Apache-2.0
// Carrying out a mount plan, in a cloned child: nothing here allocates or throws.
#pragma once

#include <vector>

#include "runtime/sandbox/mount_plan.hpp"
#include "runtime/sandbox/report.hpp"

namespace karapace::runtime {

enum class SourceLinks { followed, refused };

class MountExecutor {
 public:
  /// `root` is the attached root mount of the new sandbox. With `SourceLinks::refused` a bind's source must be a path
  /// without symbolic links, so that nobody can swap one in after it was checked.
  MountExecutor(int root, SourceLinks links, const Reporter& reporter) noexcept
      : root_(root), links_(links), reporter_(reporter) {}
  /// Ends the process with a report when an operation fails.
  void run(const std::vector<MountOperation>& plan) const noexcept;

 private:
  void run(const MountOperation& operation) const noexcept;
  void mount_file_system(const MountOperation& operation) const noexcept;
  void bind(const MountOperation& operation) const noexcept;
  void make_directory(const MountOperation& operation) const noexcept;
  void make_link(const MountOperation& operation) const noexcept;
  void mask(const MountOperation& operation) const noexcept;
  void give_file(const MountOperation& operation) const noexcept;
  void fill_file(const MountOperation& operation) const noexcept;
  void protect(const MountOperation& operation) const noexcept;
  Fd target(const MountOperation& operation, bool is_directory) const noexcept;
  void attach(int mount, int target, const MountOperation& operation) const noexcept;

  int root_;
  SourceLinks links_;
  const Reporter& reporter_;
};

/// A new file system of `type`, detached; empty when it is refused. Options are "key=value" or a flag.
Fd new_file_system(const char* type, const std::vector<std::string>& options, std::uint64_t attributes) noexcept;

}  // namespace karapace::runtime
