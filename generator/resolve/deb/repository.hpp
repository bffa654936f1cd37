// SPDX-License-Identifier: Apache-2.0
// Repository: one suite of one archive, where it is and whose signature counts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "generator/resolve/resolve.hpp"

namespace karapace::resolve::deb {

/// Whose it is; `asked` is one of the distribution's that is there for those packages only that name it.
enum class Role { distribution, asked, additional };

struct Repository {
  std::string archive;  // "debian", "debian-security", ...
  std::string suite;    // "bookworm-security"
  std::vector<std::string> components;
  std::vector<std::string> urls;               // best first, without a final slash
  std::filesystem::path keyring;               // as asked for; perhaps armored
  std::optional<Digest> keyring_content = {};  // what it must hold
  Role role = Role::distribution;
  /// "debian/bookworm": what people read.
  std::string label() const { return archive + "/" + suite; }
  /// What messages about it begin with: "lock: debian/bookworm: ".
  std::string message_prefix() const { return "lock: " + label() + ": "; }
  /// The keyring's bytes. LockError when they are not those that were asked for.
  std::string read_keyring() const;
};

/// What a request's distribution and suite consist of (manifest::suites_of), then the additional repositories. Of
/// Debian the component main, of Ubuntu main and universe.
///
/// LockError for an unknown distribution or suite, a missing keyring or an archive without mirrors.
std::vector<Repository> repositories_of(const resolve::ResolveRequest& request);

/// The prefix of this request's messages: "lock: debian/bookworm: ".
std::string message_prefix(const resolve::ResolveRequest& request);

}  // namespace karapace::resolve::deb
