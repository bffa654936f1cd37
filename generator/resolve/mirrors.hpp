// SPDX-License-Identifier: Apache-2.0
// Mirrors: from where this machine takes the bytes that a lock names (docs/resolving.md).
//
// A lock speaks of archives ("debian", "debian-security", "ubuntu", an additional repository's name); mirrors are the
// base URLs that answer for them here. They are configuration and never part of an identity. For each archive the
// first of these that knows it wins:
//
//   1. the user's configuration, `[mirrors]` in $XDG_CONFIG_HOME/karapace/config.toml
//   2. the host's own package sources (/etc/apt), when the host runs that distribution and the resolver's program,
//   which
//      reads them, is installed
//   3. for Ubuntu, a built-in table; an archive that none of them knows has no mirror, and resolving says so
//
// The host's acquisition settings (proxies, certificates, retries, validity checks) hold whenever its sources are
// used, and for base archives, which are no distribution's; `[acquisition]` in the user's configuration overrides each
// of them. `[keyrings]` there names the keyring of an archive that a site signs itself.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::resolve {

/// How to speak to mirrors. Absent means: the library's own default (for proxies, the environment's http_proxy).
struct Acquisition {
  std::optional<std::string> http_proxy = {};  // "http://proxy.invalid:3128"; "" or "DIRECT" forbids a proxy
  std::optional<std::string> https_proxy = {};
  std::vector<std::string> http_registries = {};  // of images, that are spoken to in the clear, sorted
  std::vector<std::string> no_proxy = {};         // hosts and domains that are asked directly, sorted
  std::optional<std::string> ca_info = {};        // file of trusted certificates for https
  bool verify_peer = true;
  bool verify_host = true;
  unsigned retries = 3;
  unsigned timeout_seconds = 30;  // without any data arriving
  bool check_valid_until = true;  // false: an expired Release is accepted when locking
  bool check_date = true;         // false: a Release from the future is accepted when locking
  auto operator<=>(const Acquisition&) const = default;
};

struct Mirrors {
  std::map<std::string, std::vector<std::string>> archives = {};  // base URLs without a final slash, best first
  Acquisition acquisition = {};
  /// Keyrings of archives that a site signs itself, binary or armored; others are vouched for by their distribution's.
  std::map<std::string, std::filesystem::path> keyrings = {};
  /// Mirrors of registries of images, "mirror.example/cache", best first: asked before the registry itself.
  std::map<std::string, std::vector<std::string>, std::less<>> registries = {};
  /// As remote::Sources::blobs: asked after all others.
  std::vector<std::string> blobs = {};
  auto operator<=>(const Mirrors&) const = default;
};

struct MirrorsRequest {
  /// "debian", "ubuntu"; "" when only additional repositories are wanted, or, without these, the acquisition for what
  /// belongs to no distribution: base archives.
  std::string distribution;
  std::string architecture;                            // Ubuntu serves its ports from another host
  std::map<std::string, std::string> additional = {};  // name of an additional repository -> the manifest's URL
  std::filesystem::path configuration = {};            // default_configuration_file() of user_configuration.hpp
  std::filesystem::path cache = {};  // directory that remembers the host's answer, so that it is asked once per change
};

/// A base URL that apt and libcurl can both use (http, https, file), without a final slash; nothing when it is none.
std::optional<std::string> normalised_url(std::string_view url);

/// The mirrors of every archive that `distribution` consists of, and of the additional repositories. Costs a few
/// stat(2) calls when nothing changed; else `karapace-resolve-deb mirrors` is asked about the host.
/// Throws ManifestError (file:line:column) when the configuration is wrong.
Mirrors find_mirrors(const MirrorsRequest& request);

/// The archives that a distribution consists of, sorted: {"debian", "debian-security"}.
std::vector<std::string> archives_of(const std::string& distribution);

/// Canonical text of mirrors.json, the file that `fetch` steps are pointed to with the hint `mirrors`. `files` maps a
/// digest (sha256 or blake3, hex) to paths or URLs that hold exactly these bytes, in JSON escaped (base/escape.hpp).
///
///   {"acquisition": {"ca_info": "...", "http_proxy": "...", "http_registries": [...], "https_proxy": "...",
///   "no_proxy": [...], "retries": 3,
///                    "timeout": 30, "verify_host": true, "verify_peer": true},
///    "archives": {"debian": ["http://mirror.invalid/debian"]}, "files": {"<hex>": ["/path/file"]}}
///
/// Absent options are left out.
std::string mirrors_text(const Mirrors& mirrors, const std::map<std::string, std::vector<std::string>>& files);

}  // namespace karapace::resolve
