// SPDX-License-Identifier: Apache-2.0
// Intent: what a lock must hold because the manifest (and the files it names) say so, without asking anybody.
//
// A lock fits its manifest when its own such part equals the intent. Only a different `request` needs a resolution.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::generator {

struct Intent {
  LockedRequest request;
  std::vector<LockedFile> files;
  std::vector<std::string> run;
  store::RuntimeConfiguration runtime;
  auto operator<=>(const Intent&) const = default;
};

/// Reads and hashes the setup files and keyrings that the manifest names, below `directory`. ManifestError naming the
/// file when one is missing, not a regular file, larger than 16 GiB, or outside the directory by a link.
Intent intent_of(const Manifest& manifest, const std::filesystem::path& directory);
/// What the lock was made for.
Intent intent_of(const Lock& lock);

/// What does not fit, in words for people: "packages: + ripgrep", "base: debian/bookworm → debian/trixie". The lock
/// fits when there is nothing.
std::vector<std::string> differences(const Intent& locked, const Intent& wanted);

}  // namespace karapace::generator
