// SPDX-License-Identifier: Apache-2.0
// What a project's manifest says of its release, and what was built of it: the seam between building releases and
// installing them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "store/release_document.hpp"
#include "store/store.hpp"

namespace karapace::release {

/// [release] of a manifest, as far as it is no part of what is built.
struct Declared {
  std::string name;
  std::filesystem::path destination;         // absolute
  std::map<std::string, std::string> links;  // alias -> version, alias or "^"
  std::map<std::string, std::string> hosts;  // name -> as ssh takes it
  std::vector<std::string> tests = {};       // commands of [release.test]
};
/// ManifestError with file and line when the manifest is wrong or has no [release].
Declared declared_release(const std::filesystem::path& manifest);

/// A release as its assembled tree in the store tells it.
struct Release {
  Declared declared;
  store::ReleaseDocument document;  // release.json of the tree
  LayerId tree;                     // output of the `assemble` step: links, and release.json
  std::string lock;                 // canonical text of the lock, of which `document.lock` is the SHA-256
};
/// What the project's graph builds now; read from the store. NotFoundError, telling to run `karapace release build`,
/// when it is not built. `cache`: the user's, where digests of sources are kept.
Release find_built_release(const store::Store& store, const std::filesystem::path& manifest,
                           const std::filesystem::path& cache = {});

}  // namespace karapace::release
