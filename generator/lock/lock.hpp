// SPDX-License-Identifier: Apache-2.0
// Lock: the complete closure of an environment by content (docs/lock.md).
//
// A lock names repositories by archive, suite and components, never by host, so it can be shared. Its canonical text
// is `serialise(lock)`; the environment's id is the BLAKE3 of that text.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.hpp"
#include "generator/manifest/manifest.hpp"
#include "store/identifiers.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::lock {

/// An index file that the Release file vouches for, as used for the resolution.
struct LockedIndex {
  std::string path;  // relative to dists/<suite>, uncompressed name: "main/binary-amd64/Packages"
  Sha256 sha256;
  auto operator<=>(const LockedIndex&) const = default;
};

/// A suite of an apt archive.
struct DebRepository {
  static constexpr std::string_view family = "deb";
  std::string archive;  // "debian", "debian-security", "ubuntu", or the manifest's name for an additional one
  std::string suite;    // as in dists/<suite>, "bookworm-security"
  std::vector<std::string> components;
  std::string date;                  // of the Release file, RFC 3339 UTC, "2026-07-11T10:16:37Z"
  std::vector<std::string> signers;  // fingerprints of valid signatures (VALIDSIG, primary key), sorted
  std::vector<LockedIndex> indexes;  // sorted by path
  auto operator<=>(const DebRepository&) const = default;
  std::string name() const { return archive + "/" + suite; }  // "debian-security/bookworm-security"
};

/// A source of packages, in the form of its family. Every form has an archive, a suite or what stands for it, and
/// signers.
using LockedRepository = std::variant<DebRepository>;
/// What a package calls it.
inline std::string name_of(const LockedRepository& repository) {
  return std::visit([](const auto& one) { return one.name(); }, repository);
}

struct LockedPackage {
  std::string name;
  std::string version;
  std::string architecture;  // one of the lock's, or "all"
  std::uint64_t size = 0;    // of the package's file, bytes
  Sha256 sha256;
  /// The name of the repository that it comes from, whose signers vouch for it: "debian/bookworm". Locks of format 1
  /// name its archive only: "debian".
  std::string repository;
  std::string path;  // below the archive's root: "pool/main/g/git/git_2.39.5-0+deb12u2_amd64.deb"
  auto operator<=>(const LockedPackage&) const = default;
  /// What mirrors are configured by: "debian".
  std::string archive() const { return repository.substr(0, repository.find('/')); }
};

/// The base when it is a root file system archive.
struct LockedArchive {
  Sha256 sha256;
  std::uint64_t size = 0;
  auto operator<=>(const LockedArchive&) const = default;
};

/// A layer of an image.
struct LockedImageLayer {
  Sha256 sha256;  // of the blob
  std::uint64_t size = 0;
  std::string media_type;
  Sha256 diff_id;  // of the tar archive in it
  auto operator<=>(const LockedImageLayer&) const = default;
};

/// The base when it is an image.
struct LockedImage {
  Sha256 manifest;
  std::string platform;                          // "linux/amd64": the image was chosen for it
  std::map<std::string, std::string> variables;  // of its configuration; those of the manifest come before them
  std::vector<LockedImageLayer> layers;          // the lowest first
  auto operator<=>(const LockedImage&) const = default;
};

struct LockedFile {
  std::string source;  // relative to the manifest's directory, as written there
  std::string target;  // absolute path inside
  unsigned mode = 0644;
  Digest content;  // BLAKE3
  std::uint64_t size = 0;
  auto operator<=>(const LockedFile&) const = default;
};

/// An archive that becomes a layer of its own, on top of everything else.
struct LockedLayer {
  std::string archive;  // relative to the manifest's directory, as written there
  std::string title;    // for people; may be empty
  std::uint64_t size = 0;
  Digest content;  // BLAKE3
  auto operator<=>(const LockedLayer&) const = default;
  /// What people call it.
  const std::string& name() const { return title.empty() ? archive : title; }
};

struct LockedPatch {
  std::string file;  // relative to the manifest's directory, as written there
  std::uint64_t size = 0;
  Sha256 sha256;
  auto operator<=>(const LockedPatch&) const = default;
};

/// A package that is built from source. Its files are one blob: an archive as it is, or the tree of a git commit or a
/// path in the form that Karapace gives it (generator/project/source_tree.hpp).
struct LockedSource {
  std::string name;
  std::string version;
  manifest::SourceKind kind{};
  std::string location;  // as the manifest has it
  std::string ref;       // git
  std::string commit;    // git: what the ref meant, in hexadecimal digits
  std::uint64_t size = 0;
  Sha256 sha256;
  std::vector<LockedPatch> patches;  // in the manifest's order
  std::vector<std::string> depends;  // names of sources, in the manifest's order
  std::string build;                 // the script
  std::vector<std::string> check;    // commands
  auto operator<=>(const LockedSource&) const = default;
};

/// What is built from source. No part of the environment in which it is built: neither the canonical lock nor the
/// environment's id know it.
struct LockedRelease {
  std::string name;
  std::string destination;
  std::string main;
  std::vector<std::string> entrypoints;
  std::vector<LockedSource> sources;  // sorted by name
  manifest::ProgramsRun run = manifest::ProgramsRun::outside;
  auto operator<=>(const LockedRelease&) const = default;
  /// One of the sources; aborts when there is none: parse_lock and manifests make sure of it.
  const LockedSource& source(std::string_view of) const;
};
/// A source with all that it needs, directly or not, each once: itself first, then breadth first.
std::vector<const LockedSource*> with_dependencies(const LockedRelease& release, const LockedSource& source);

/// An additional repository as the manifest asks for it.
struct LockedRepositoryRequest {
  std::string name;
  std::string key;  // path of the keyring, relative to the manifest's directory
  Digest key_content;
  std::string suite;
  std::vector<std::string> components;
  auto operator<=>(const LockedRepositoryRequest&) const = default;
};

/// What the manifest asked for when the lock was made: compared with the manifest to say whether the lock fits.
struct LockedRequest {
  std::string base_image;
  std::vector<std::string> packages;  // manifest::PackageRequests, sorted, unique
  bool recommends = false;
  std::vector<LockedRepositoryRequest> repositories;  // sorted by name
  std::vector<std::string> hold = {};                 // names of packages, sorted, unique
  std::vector<std::string> prefer = {};               // manifest::Preferences, the best first
  auto operator<=>(const LockedRequest&) const = default;
};

/// What is resolved is written in the newest format. A lock of an older one stays as it is, bytes and id, until a
/// resolution: it does not know what the newer ones say.
enum class LockFormat : std::uint8_t { one = 1, two = 2 };

struct Lock {
  LockFormat format = LockFormat::two;
  LockedRequest request;
  std::string distribution;  // "debian", "ubuntu"; "" for an archive without packages
  std::string suite;
  std::string architecture;                        // the system's own: "amd64", Debian's word
  std::vector<std::string> foreign_architectures;  // those besides, sorted: "i386"
  std::optional<LockedArchive> archive;            // base archive
  std::optional<LockedImage> image = {};           // base image; with neither, it is bootstrapped from `base`
  std::vector<LockedRepository> repositories;      // sorted by archive, then suite
  std::vector<LockedPackage> base;                 // the bootstrapped base in install order; empty with an archive
  std::vector<LockedPackage> packages;  // what is installed on top, in install order; upgrades of base packages too
  std::map<std::string, std::string> answers;  // to the questions that `packages` ask of debconf
  std::vector<LockedFile> files;               // in the manifest's order
  std::vector<std::string> run;                // in the manifest's order
  std::vector<LockedLayer> layers = {};        // in the manifest's order, the lowest first
  store::RuntimeConfiguration runtime;
  std::optional<LockedRelease> release = {};
  auto operator<=>(const Lock&) const = default;
};

/// Canonical JSON text of the lock's format, one package per line, final newline; without the release.
std::string serialise(const Lock& lock);
/// The same with the release, if there is one: what the file holds.
std::string file_text(const Lock& lock);
/// Strict: unknown, missing or mistyped fields, bad digests, paths with ".." and unsorted lists are LockErrors that
/// begin with "name:line:column: ". So are formats and families of packages that only newer releases know.
Lock parse_lock(std::string_view text, std::string_view name);
/// BLAKE3 of the canonical text.
EnvironmentId environment_id(const Lock& lock);
/// The family of its packages, as the steps that unpack and install them are told it: "deb".
std::string_view package_family(const Lock& lock);
/// How a family of packages orders versions.
std::strong_ordering compare_versions(std::string_view family, std::string_view a, std::string_view b);
/// How the environment is entered: the manifest's configuration, above that of the base's image.
store::RuntimeConfiguration runtime_of(const Lock& lock);
/// What people call a package of this lock: "libc6", of a foreign architecture "libc6:i386". Of a name there is one.
std::string name_in(const Lock& lock, const LockedPackage& package);

}  // namespace karapace::lock
