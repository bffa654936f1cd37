// SPDX-License-Identifier: Apache-2.0
// Intent: what a lock must hold because the manifest (and the files it names) say so, without asking anybody.
//
// A lock fits its manifest when its own such part equals the intent. Only a different `request` needs a resolution.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::lock {

struct Intent {
  LockedRequest request;
  std::map<std::string, std::string> answers;
  std::vector<LockedFile> files;
  std::vector<std::string> run;
  std::vector<LockedLayer> layers;
  store::RuntimeConfiguration runtime;
  std::optional<LockedRelease> release = {};
  auto operator<=>(const Intent&) const = default;
};

/// Without the release, whose sources others know (generator/project/locked_release.hpp).
/// Reads and hashes the setup files, layers and keyrings that the manifest names, below `directory`. ManifestError
/// naming the file when one is missing, not a regular file, larger than 16 GiB, or outside the directory by a link.
Intent intent_of(const manifest::Manifest& manifest, const std::filesystem::path& directory);
/// What the lock was made for.
Intent intent_of(const Lock& lock);

/// One thing in which an intent is another.
struct Difference {
  enum class Change { added, removed, changed, reordered };
  std::string key;  // of the manifest: "packages", "base"
  Change change = Change::changed;
  std::string subject = {};                          // which one: "ripgrep"; empty: the key has one value
  std::optional<std::string> before = std::nullopt;  // the value, when the key has one
  std::optional<std::string> after = std::nullopt;
  auto operator<=>(const Difference&) const = default;
};
std::string_view text(Difference::Change change) noexcept;
/// For people: "packages: + ripgrep", "base: debian/bookworm → debian/trixie".
std::string text(const Difference& difference);

/// What does not fit. The lock fits when there is nothing.
std::vector<Difference> differences(const Intent& locked, const Intent& wanted);

}  // namespace karapace::lock
