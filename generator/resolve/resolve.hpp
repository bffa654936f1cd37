// SPDX-License-Identifier: Apache-2.0
// Resolve: asks the signed archives which packages an environment consists of (docs/resolving.md).
//
// The only part of Karapace that asks the network what exists. The work is done by a helper program,
// `karapace-resolve-deb` (libapt-pkg keeps process-wide state), found next to this program or in ../libexec/karapace,
// that reads the request as JSON from standard input and answers on standard output. The choice is apt's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "generator/lock/lock.hpp"
#include "generator/manifest/manifest.hpp"
#include "generator/resolve/mirrors.hpp"

namespace karapace::resolve {

/// A signed apt repository that the manifest adds. Its URL is `mirrors.archives[name]`.
struct AdditionalRepository {
  std::string name;           // becomes LockedRepository::archive
  std::filesystem::path key;  // absolute; a binary or an ASCII-armored OpenPGP keyring
  Digest key_content;         // what the file must hold: BLAKE3
  std::string suite;
  std::vector<std::string> components;
  manifest::Place uri_place = {};
};

enum class Recommends { no, yes };
enum class ValidUntil { check, ignore };
/// Whether a Release may be older than that of the lock there was.
enum class Rollback { refuse, allow };

/// Which kept versions may move.
struct Upgrade {
  enum class Scope { none, named, everything };
  Scope scope = Scope::none;
  std::vector<std::string> names = {};  // of packages, "libc6" or "libc6:i386", with Scope::named
};

struct ResolveRequest {
  std::string distribution;  // "debian", "ubuntu"
  std::string suite;         // "bookworm", "trixie", "sid", "noble", ...
  std::string architecture;  // Debian's word: "amd64", "arm64"; any, whatever this machine is
  std::vector<std::string> foreign_architectures = {};  // those that packages may have besides: "i386"
  /// Text of var/lib/dpkg/status of a base archive; without it a base is bootstrapped.
  std::optional<std::string> base_status = {};
  /// manifest::PackageRequests, perhaps of virtual packages.
  std::vector<std::string> packages = {};
  Recommends recommends = Recommends::no;
  std::vector<AdditionalRepository> repositories = {};
  /// Base and packages of the lock there was: preferred while the archive has them.
  std::vector<lock::LockedPackage> keep = {};
  /// Names of packages, "libc6" or "libc6:i386", that keep their version whatever `upgrade` says, and stay.
  std::vector<manifest::PlacedWord> hold = {};
  /// manifest::Preferences: which versions come before others, the best first. What the base has stays as it is.
  std::vector<manifest::PlacedWord> prefer = {};
  /// Repositories of the lock there was: how far each was seen.
  std::vector<lock::LockedRepository> known = {};
  Rollback rollback = Rollback::refuse;
  Upgrade upgrade = {};
  Mirrors mirrors = {};              // of every archive (see find_mirrors)
  std::filesystem::path cache = {};  // directory for package lists, shared by all resolutions and locked while in use
  ValidUntil valid_until = ValidUntil::check;
};

/// What a lock is made of; the fields mean what they mean in Lock.
struct Resolution {
  std::vector<lock::LockedRepository> repositories = {};
  std::vector<lock::LockedPackage> base = {};      // empty with a base_status
  std::vector<lock::LockedPackage> packages = {};  // upgrades of base packages too
  std::vector<std::string> notes = {};             // for people: kept versions that vanished, and the like
};

/// Throws LockError (bad signature, expired, unknown or unsatisfiable packages, ...) and RemoteError (no mirror
/// answers); messages begin with "lock: debian/bookworm: " and end with the way out.
Resolution resolve(const ResolveRequest& request);

}  // namespace karapace::resolve
