// SPDX-License-Identifier: Apache-2.0
// The root file system of a sandbox: the kernel's overlay, a read-only bind of a single tree, or fuse-overlayfs.
//
// Layers are handed to the kernel as /proc/self/fd/N, so that no character of their paths needs quoting, nothing of
// the host's paths shows inside, and no limit on the length of mount options is met. Called in a cloned child: nothing
// here allocates or throws.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "runtime/init/report.hpp"

namespace karapace::sandbox {

enum class OverlayKind { kernel, kernel_or_fuse, fuse };

struct RootFileSystem {
  std::vector<std::string> lowers;  // top first, as overlayfs lists them
  std::string upper;                // empty: read-only, or in memory
  std::string work;
  std::string memory;  // a directory on which to mount a file system of the sandbox's own for upper and work; or empty
  bool is_fresh = false;  // the upper directory gets the mode and owner of the topmost layer's root
  bool is_volatile = false;
  OverlayKind overlay = OverlayKind::kernel;
  int fuse_device = -1;  // an open /dev/fuse, when fuse-overlayfs may be used
  int fuse_error = 0;    // errno: why there is none
};

inline bool is_read_only(const RootFileSystem& root) noexcept { return root.upper.empty() && root.memory.empty(); }

/// The largest number of lower layers that the kernel's overlay takes.
inline constexpr std::size_t most_layers = 500;

/// Mounts it over "/", where only its descriptor and pivot_root(2) reach it. Reports failures. When it is to be served
/// by fuse-overlayfs, tells `Report::Kind::fuse`: every access waits until the server answers.
Fd mount_root(const RootFileSystem& root, const init::Reporter& reporter) noexcept;

/// The overlay by mount(2), for kernels whose fsconfig(2) knows no "lowerdir+" (before 6.8). Mounts over "/" and
/// returns the mount; empty when the kernel refuses. `upper` and `work` are open directories, -1 for a read-only root.
Fd mount_overlay_by_string(const RootFileSystem& root, int upper, int work) noexcept;

}  // namespace karapace::sandbox
