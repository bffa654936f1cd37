// SPDX-License-Identifier: Apache-2.0
// UnpackedPackage: a package of any family as its `unpack` step left it in the store: `data/`, its files, and `meta/`.
//
// `meta/package.json` says in one form for every family what an installation must know of it. What only its family
// understands stands beside it in `meta/FAMILY/`.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::steps {

/// What a lock says that a package is.
struct PackageIdentity {
  std::string name;
  std::string version;
  std::string architecture;
  auto operator<=>(const PackageIdentity&) const = default;
  std::string text() const;  // "git 1:2.39.5-0+deb12u2 (amd64)"
};

/// A user or a group that owns files of the package, as its archive calls them. Which number it is on a system, the
/// system says.
struct NamedOwner {
  std::string name;
  std::uint32_t id = 0;  // in the archive, and of its files in `data/`
  auto operator<=>(const NamedOwner&) const = default;
};

/// What becomes of a configuration file when another version of its package is installed.
enum class ConfigurationPolicy {
  kept,     // what a person changed stays; the package need not even ship the file
  removed,  // it was an older version's, and goes
};

struct ConfigurationFile {
  std::string path;  // absolute, as the package names it
  ConfigurationPolicy policy = ConfigurationPolicy::kept;
  auto operator<=>(const ConfigurationFile&) const = default;
};

enum class ScriptPhase { questions, before_install, after_install, before_removal, after_removal };

struct Script {
  ScriptPhase phase{};
  std::string file;  // below `meta/FAMILY/`
  auto operator<=>(const Script&) const = default;
};

/// What a package waits for or sets off while others are installed.
struct Trigger {
  std::string directive;  // the family's word: "interest-noawait"
  std::string name;       // a path, or a word that packages agree on
  auto operator<=>(const Trigger&) const = default;
};

struct PackageMeta : PackageIdentity {
  std::vector<NamedOwner> users;  // without root; sorted
  std::vector<NamedOwner> groups;
  std::vector<ConfigurationFile> configuration_files;  // in the package's order
  std::vector<Script> scripts;                         // by phase
  std::vector<Trigger> triggers;                       // in the package's order
  bool operator==(const PackageMeta&) const = default;

  /// The text of meta/package.json.
  std::string json() const;
  /// StoreError naming `what` when it is not one.
  static PackageMeta parse(std::string_view text, std::string_view what);
};

struct UnpackedPackage : PackageMeta {
  std::string family;
  std::filesystem::path tree;
  LayerId layer{};
  BlobId archive{};
  std::int64_t newest_time = 0;                         // of its files (trees::newest_time)
  std::map<std::string, Digest, std::less<>> contents;  // of the files in `meta/`: what is read of them is compared

  const Script* script(ScriptPhase phase) const noexcept;
  /// The text of a file of its family's, below `meta/FAMILY/`; StoreError when there is none of this name, or it is
  /// damaged.
  std::string read(std::string_view file) const;
  /// The same, or nothing.
  std::optional<std::string> read_if_there(std::string_view file) const;
};

/// Loads what the `unpack` step `key` made of a package of this family, without the listing of its layer: those of a
/// thousand packages would be a hundred megabytes. StepError when it made something else.
UnpackedPackage load_package(const store::Store& store, const StepKey& key, std::string_view family);

}  // namespace karapace::steps
