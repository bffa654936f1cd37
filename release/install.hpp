// SPDX-License-Identifier: Apache-2.0
// Installing a release, append-only: what is there is never written to.
//
// First the packages that the destination has not, each under an unfinished name, forced to the disk, renamed; then,
// under the destination's lock, the version with the next build id, by one rename; then the launcher; the links last.
// What other versions lack is brought back where the store has it. Killed at any moment it leaves nothing that has a
// name and is not whole, and the next run goes on. The same build, by its release.json, is not installed again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "release/built_release.hpp"
#include "release/destination.hpp"

namespace karapace::release {

struct InstallOptions {
  std::filesystem::path launcher;  // the program that bin/ gets
  unsigned threads = 1;
  DestinationLock::Patience patience{};
  Notice notice{};
};

struct Installed {
  std::string version;                   // "1.4.2+1"
  bool is_new = false;                   // else the same build was there
  std::vector<std::string> aliases;      // that lead to it now
  std::vector<std::string> unfulfilled;  // links that the manifest or a person wants, to versions that are not there
  std::uint64_t copied_entries = 0;      // without those that somebody else copied meanwhile
  std::uint64_t copied_bytes = 0;
  std::vector<std::string> missing_entries;  // that other versions are made of, and neither destination nor store has
};

/// Runs inside the user namespace, where every file of the store's layers can be read.
Installed install(const store::Store& store, const Release& release, const InstallOptions& options);

/// The version that is this build, by its release.json; the highest where there are several. It is not compared with
/// what was built.
std::optional<std::string> version_of_build(const Destination& destination, const store::ReleaseDocument& document);

/// The destination's launcher becomes this program; what runs goes on with its own. The entry points lead to it.
void install_launcher(const Destination& destination, const std::filesystem::path& launcher,
                      const std::vector<std::string>& entrypoints);

}  // namespace karapace::release
