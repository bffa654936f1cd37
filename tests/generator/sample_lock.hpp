// SPDX-License-Identifier: Apache-2.0
// Locks made by hand: small, valid and the same every time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/lock/lock.hpp"

namespace karapace::testing {

/// A package whose digest is made of its name and version.
lock::LockedPackage sample_package(std::string_view name, std::string_view version = "1.0-1");
/// debian/bookworm with the base packages libc6 and dpkg, and `packages` on top.
lock::Lock sample_lock(const std::vector<std::string>& packages);
/// The same base, and one of everything a lock can hold.
lock::Lock sample_lock_with_everything();
/// Git, and two layers on top.
lock::Lock sample_lock_with_layers();
/// Git, and a release of two packages, of which one needs the other.
lock::Lock sample_lock_with_release();
/// A root file system archive with `packages` on top.
lock::Lock sample_archive_lock(const std::vector<std::string>& packages);

/// An image of two layers with `packages` on top.
lock::Lock sample_image_lock(const std::vector<std::string>& packages);

}  // namespace karapace::testing
