// SPDX-License-Identifier: Apache-2.0
// Mount targets inside an image, found or made without ever leaving it.
//
// Every look-up is an openat2(RESOLVE_IN_ROOT): links of the image, absolute or with "..", end inside it. Nothing
// here allocates or throws, so a cloned child may call it; errno tells why something failed.
#pragma once

#include "base/fd.hpp"

namespace karapace::runtime {

enum class TargetKind { directory, file };

/// An O_PATH descriptor of what lies at `path` below `root`; what is missing is made (directories 0755, an empty file
/// 0644), through dangling links too, as a link's target would be. Empty when that fails.
Fd open_or_make_target(int root, const char* path, TargetKind kind) noexcept;

/// An O_PATH descriptor of `path`, whose links are not followed at all; empty when it does not exist.
Fd open_plain_target(int root, const char* path) noexcept;

}  // namespace karapace::runtime
