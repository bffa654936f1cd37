// SPDX-License-Identifier: Apache-2.0
// Manifest: karapace.toml, what a person wants (docs/manifest.md).
//
// Parsing is strict: every key is known, has the right type and a sensible value, or the file is refused at
// file:line:column. What comes out is normalised: two manifests that mean the same compare equal.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::manifest {

/// A base that is bootstrapped from a distribution's signed archive.
struct BaseSuite {
  std::string distribution;  // "debian", "ubuntu"
  std::string suite;         // its code name: "bookworm", "noble"
  auto operator<=>(const BaseSuite&) const = default;
};

/// A base that is a root file system archive.
struct BaseArchive {
  std::string location;  // http(s) URL, or a path relative to the manifest's directory
  Sha256 sha256;
  auto operator<=>(const BaseArchive&) const = default;
};

/// A base that is an image, of a registry or in files.
struct BaseImage {
  /// "oci:registry.example/library/debian:12", in full; "oci-layout:PATH", "oci-archive:PATH" or "docker-archive:PATH",
  /// as written: relative to the manifest's directory, and with ":TAG" or "@DIGEST" where one is said.
  std::string location;
  auto operator<=>(const BaseImage&) const = default;
};

using Base = std::variant<BaseSuite, BaseArchive, BaseImage>;

/// "debian/bookworm", "sha256:<hex>", or an image's location: what identifies a base wherever it comes from.
std::string text(const Base& base);

/// Where the manifest says something, "karapace.toml:12:10", for messages about it. It is no part of what is meant: all
/// places compare equal.
struct Place {
  std::string text = {};
  friend std::strong_ordering operator<=>(const Place&, const Place&) noexcept { return std::strong_ordering::equal; }
  friend bool operator==(const Place&, const Place&) noexcept { return true; }
};

/// A word of which only the archives tell whether it means something.
struct PlacedWord {
  std::string text;
  Place place = {};
  auto operator<=>(const PlacedWord&) const = default;
};

/// `[repositories.NAME]`: an additional signed apt repository.
struct RepositoryRequest {
  std::string name;
  std::string uri;  // used when locking and by mirrors.json; never part of a lock
  std::string key;  // path of its keyring, relative to the manifest's directory
  std::string suite;
  std::vector<std::string> components;  // sorted, unique
  Place uri_place = {};
  Place key_place = {};
  auto operator<=>(const RepositoryRequest&) const = default;
};

/// `[[setup.files]]`: a file copied into the environment after the packages.
struct SetupFile {
  std::string source;  // relative to the manifest's directory
  std::string target;  // absolute path inside
  unsigned mode = 0644;
  Place source_place = {};
  auto operator<=>(const SetupFile&) const = default;
};

/// `[[layers]]`: an archive of what somebody changed in an environment, laid on top of everything else.
struct LayerRequest {
  std::string archive;  // relative to the manifest's directory
  std::string title;    // for people; may be empty
  Place archive_place = {};
  auto operator<=>(const LayerRequest&) const = default;
};
/// More could not be mounted together with what else an environment consists of.
inline constexpr std::size_t most_layers = 200;

/// Where the files of a [[source]] come from.
enum class SourceKind { path, archive, git };

/// A patch of a source: a file of the project.
struct PatchRequest {
  std::string file;  // relative to the manifest's directory
  Place place = {};
  auto operator<=>(const PatchRequest&) const = default;
};

/// `[[source]]`: a package that is built from source for the release.
struct SourceRequest {
  std::string name;
  std::string version;
  SourceKind kind{};
  std::string location;               // path or archive: relative to the manifest's directory; or a URL
  std::string ref;                    // git: a branch, tag or commit
  std::optional<Sha256> sha256;       // archive: what it has to be
  std::vector<std::string> files;     // path: only these, sorted, relative to it; empty: all that git does not ignore
  std::vector<PatchRequest> patches;  // in the manifest's order
  std::vector<std::string> depends;   // names of sources, in the manifest's order
  std::string build;                  // a script, or the name of one in the tree of a path
  std::vector<std::string> check;     // commands that run afterwards
  Place place = {};                   // of the location
  auto operator<=>(const SourceRequest&) const = default;
};

/// Where programs of a release run when users call them: on the host as they are, or in the release's environment.
enum class ProgramsRun { outside, inside };

/// `[release]`
struct ReleaseRequest {
  std::string name;
  std::string destination;  // absolute
  std::string main;         // the source whose version names the release
  std::vector<std::string> entrypoints;
  std::map<std::string, std::string> links = {};  // alias -> version, alias or "^"
  std::map<std::string, std::string> hosts = {};  // name -> as ssh takes it
  std::vector<SourceRequest> sources = {};        // sorted by name
  ProgramsRun run = ProgramsRun::outside;
  std::vector<std::string> test = {};  // commands of [release.test], in the manifest's order
  auto operator<=>(const ReleaseRequest&) const = default;
};

struct Manifest {
  Base base;
  std::vector<std::string> packages;  // PackageRequests, sorted, one of a name
  bool recommends = false;
  std::vector<PlacedWord> hold;                 // names of packages, sorted, unique
  std::vector<PlacedWord> prefer;               // Preferences, the best first, unique
  std::map<std::string, std::string> answers;   // to debconf's questions
  std::vector<RepositoryRequest> repositories;  // sorted by name
  std::vector<SetupFile> files;                 // in the manifest's order
  std::vector<std::string> run;                 // shell commands, in the manifest's order
  std::vector<LayerRequest> layers;             // in the manifest's order, the lowest first
  store::RuntimeConfiguration runtime;
  std::optional<ReleaseRequest> release = {};
  auto operator<=>(const Manifest&) const = default;
};

/// `name` stands in messages for the file. Throws ManifestError: one line per problem, in the file's order, each
/// beginning with "name:line:column: ".
Manifest parse_manifest(std::string_view text, std::string_view name);

}  // namespace karapace::manifest
