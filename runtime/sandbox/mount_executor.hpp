// SPDX-License-Identifier: Apache-2.0
// Carrying out a mount plan, in a cloned child: nothing here allocates or throws.
#pragma once

#include <array>
#include <vector>

#include "base/fd.hpp"
#include "runtime/init/report.hpp"
#include "runtime/sandbox/mount_plan.hpp"

namespace karapace::sandbox {

/// What is laid on what must not be seen. The second and later ones are further mounts of the first, which takes a
/// fraction of the time that another file system does.
class Covers {
 public:
  /// An empty directory or file, read-only; empty when the kernel refuses. It must be attached before the next is made:
  /// only attached mounts can be copied.
  Fd make(bool is_directory) noexcept;
  /// A regular file; before Linux 6.15 one that can not be opened.
  Fd make_empty_file() noexcept;

 private:
  Fd files_;  // a file system with one
  std::array<Fd, 2> first_;
};

class MountExecutor {
 public:
  /// `root` is the attached root mount of the new sandbox.
  MountExecutor(int root, const init::Reporter& reporter) noexcept : root_(root), reporter_(reporter) {}
  /// Copies the mounts of those binds whose source is the store's, which the sandbox's view of the host may hide next.
  void take_from_store(const std::vector<MountOperation>& plan) noexcept;
  /// A detached mount of the first /proc in `plan`, of this process's pid namespace.
  static Fd process_view(const std::vector<MountOperation>& plan, const init::Reporter& reporter) noexcept;
  /// It takes the place of the /proc that `run` would make.
  void take(Fd process_view) noexcept { process_view_ = std::move(process_view); }
  /// Ends the process with a report when an operation fails.
  void run(const std::vector<MountOperation>& plan) noexcept;

  /// How many binds of the store one sandbox may have that hides the store.
  static constexpr std::size_t most_from_store = 8;

 private:
  void run(const MountOperation& operation) noexcept;
  void mount_file_system(const MountOperation& operation) noexcept;
  void bind(const MountOperation& operation) noexcept;
  void add_device(const MountOperation& operation) const noexcept;
  void make_directory(const MountOperation& operation) const noexcept;
  void make_link(const MountOperation& operation) const noexcept;
  void mask(const MountOperation& operation) noexcept;
  void protect(const MountOperation& operation) const noexcept;
  void give_file(const MountOperation& operation) noexcept;
  void fill_file(const MountOperation& operation) const noexcept;
  Fd copy_of(const MountOperation& operation) const noexcept;
  Fd target(const MountOperation& operation, bool is_directory) const noexcept;
  Fd own_directory(const char* target) const noexcept;
  void attach(Fd mount, const MountOperation& operation, bool is_directory) noexcept;

  int root_;
  const init::Reporter& reporter_;
  Fd within_;  // what was mounted last at a place of its own; empty: it was skipped, and so is what lies within
  Covers covers_;
  Fd process_view_;
  std::array<Fd, most_from_store> taken_;
  std::size_t taken_count_ = 0;
  std::size_t taken_used_ = 0;
};

/// A new file system of `type`, detached; empty when it is refused. Options are "key=value" or a flag.
Fd new_file_system(const char* type, const std::vector<std::string>& options, std::uint64_t attributes) noexcept;

// Mount targets inside an image, found or made without ever leaving it.
//
// Every look-up is an openat2(RESOLVE_IN_ROOT): links of the image, absolute or with "..", end inside it. Nothing
// here allocates or throws, so a cloned child may call it; errno tells why something failed.

enum class TargetKind { directory, file };

/// An O_PATH descriptor of what lies at `path` below `root`; what is missing is made (directories 0755, an empty file
/// 0644), through dangling links too, as a link's target would be. Empty when that fails.
Fd open_or_make_target(int root, const char* path, TargetKind kind) noexcept;

/// An O_PATH descriptor of `path`, whose links are not followed at all; empty when it does not exist.
Fd open_plain_target(int root, const char* path) noexcept;

}  // namespace karapace::sandbox
