// SPDX-License-Identifier: Apache-2.0
// The user's configuration, config.toml: what whoever uses this machine says for every project.
//
//   [mirrors]
//   debian = ["http://mirror.invalid/debian"]           # best first; a single string will do
//   debian-security = "http://mirror.invalid/debian-security"
//   [acquisition]
//   http_proxy = "http://proxy.invalid:3128"            # https_proxy, no_proxy = [...], ca_info, verify_peer,
//   retries = 5                                         # verify_host, timeout, check_valid_until, check_date
//   [keyrings]
//   debian = "/etc/site/archive.asc"                    # for an archive that a site signs itself; absolute
//   [registries."registry.example:5000"]                # of images: REGISTRY[:PORT], as in their names
//   http = true                                         # spoken to in the clear; else only loopback may be
//   mirrors = ["mirror.example/cache"]                  # asked first, best first, for tags, too
//   [mounts]
//   allowed = ["/data/shared", "~/datasets"]            # host directories that manifests may mount from
//
// Each reader looks at its own tables only: a mistake in what nobody asked for stops nobody.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/resolve/mirrors.hpp"

namespace karapace::resolve {

/// $XDG_CONFIG_HOME/karapace/config.toml, else $HOME/.config/karapace/config.toml. The file need not exist.
std::filesystem::path default_configuration_file();

/// What the user said; absent is not said.
struct AcquisitionChoice {
  std::optional<std::string> http_proxy;
  std::optional<std::string> https_proxy;
  std::optional<std::vector<std::string>> no_proxy;
  std::optional<std::string> ca_info;
  std::optional<bool> verify_peer;
  std::optional<bool> verify_host;
  std::optional<unsigned> retries;
  std::optional<unsigned> timeout_seconds;
  std::optional<bool> check_valid_until;
  std::optional<bool> check_date;
  /// Overrides what was said.
  void apply(Acquisition& acquisition) const;
};

struct RegistryChoice {
  bool http = false;
  std::vector<std::string> mirrors;  // REGISTRY[:PORT][/PREFIX]
};

struct MirrorsConfiguration {
  std::map<std::string, std::vector<std::string>> mirrors;
  AcquisitionChoice acquisition;
  std::map<std::string, std::filesystem::path> keyrings;
  std::map<std::string, RegistryChoice> registries;
};

/// Nothing is said without the file. Strict: ManifestError `file:line:column: ...` for anything unknown or mistyped,
/// but in [mounts].
MirrorsConfiguration read_mirrors_configuration(const std::filesystem::path& file);

/// Which host directories manifests may mount from, outside their project: the user's choice, not the manifest's. Empty
/// without the file. ManifestError `file:line:column: ...` when `[mounts]` is not as above.
std::vector<std::filesystem::path> read_allowed_mounts(const std::filesystem::path& file);

}  // namespace karapace::resolve
