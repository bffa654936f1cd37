// SPDX-License-Identifier: Apache-2.0
// release.json: what a release is made of. It lies at the top of the tree that an `assemble` step makes, and of every
// version that is installed.
//
// It is a pure function of what was built: no times, hosts or build ids. Two releases whose texts are equal are the
// same build, so an installation that finds the text at its destination has nothing to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/release_word.hpp"
#include "store/identifiers.hpp"

namespace karapace::store {

using karapace::is_release_word;

struct ReleasePackage {
  std::string name;
  std::string version;
  std::string entry;  // its directory in `<destination>/store`: release_entry_name
  LayerId layer;      // what is in it
  auto operator<=>(const ReleasePackage&) const = default;
};

struct ReleaseDocument {
  std::string name;
  std::string main;         // the package whose version is the release's
  std::string version;      // of `main`
  std::string destination;  // absolute, without ".", ".." and double or trailing slashes
  std::vector<std::string> entrypoints;
  EnvironmentId environment;             // in which it was built
  Sha256 lock;                           // of the canonical text of the lock, sources included
  std::vector<ReleasePackage> packages;  // `main` first, then its dependencies in order, each once
  auto operator<=>(const ReleaseDocument&) const = default;
};

/// What the file is called at the top of a release's tree.
inline constexpr const char* release_document_file = "release.json";

/// Beside it when programs of the release run in its environment: the environment's id and a line end. The launcher
/// reads it.
inline constexpr const char* inside_mark_file = "run-inside";

/// "<first 32 digits of the compile step's key>-<name>-<version>": a package's directory in `<destination>/store`.
std::string release_entry_name(const StepKey& compile, std::string_view name, std::string_view version);

/// The variable by which a build script finds a package: its name with "_" for every character that a variable's name
/// can not have.
std::string dependency_variable(std::string_view package);

/// The canonical text. std::invalid_argument, saying what, when something in it could not be read back.
std::string text(const ReleaseDocument& document);
/// Its strict inverse: StoreError naming `what` when the text is not exactly what `text` writes.
ReleaseDocument parse_release_document(std::string_view text, std::string_view what);

}  // namespace karapace::store
