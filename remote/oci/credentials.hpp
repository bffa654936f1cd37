// SPDX-License-Identifier: Apache-2.0
// Credentials: who we are to a registry, from where podman, skopeo and docker keep it (containers-auth.json(5),
// docker's config.json), so that a `podman login` or `docker login` is all that is ever needed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::oci {

struct Credentials {
  std::string user;
  std::string password;
  std::string identity_token;  // OAuth 2's refresh token, instead of a password
  std::string source;          // for messages: the file or program that had them
};

/// REGISTRY_AUTH_FILE alone when it is set; else, best first, containers/auth.json below XDG_RUNTIME_DIR (else
/// /run/containers/UID) and below XDG_CONFIG_HOME (else ~/.config), and config.json in DOCKER_CONFIG (else ~/.docker).
/// They need not exist.
std::vector<std::filesystem::path> credential_files();

/// Of the first file that has any for the repository: its `credHelpers`, then `auths` with the longest key that fits
/// (registry/team/dev, registry/team, registry), then its `credsStore`. Nothing when none has. RemoteError naming the
/// file or the helper that is unusable.
std::optional<Credentials> find_credentials(const std::vector<std::filesystem::path>& files, std::string_view registry,
                                            std::string_view repository);

}  // namespace karapace::oci
