// SPDX-License-Identifier: Apache-2.0
// URLs of git's repositories: which are followed, what a relative one means, and how they are shown.
//
// git runs a program of this machine, git-remote-NAME, for every transport that is not its own. Whoever writes a
// manifest or a .gitmodules may be anybody, so only git's own transports are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "generator/manifest/rules.hpp"

namespace karapace::manifest {

/// As git tells one: a file:// URL, or a path, which has no colon before its first slash (git-fetch(1), "GIT URLS").
bool is_local_git_url(std::string_view url) noexcept;
/// Whether it can only lead to a server: by https, http, ssh or git, or "host:path", which is ssh.
bool is_remote_git_url(std::string_view url) noexcept;
/// One of them, and no option or words beside it.
Complaint judge_git_url(std::string_view word);

/// What "../other.git" or "./inner.git" means in the repository `of`; nothing when it leads out of the server's or
/// machine's paths: host and credentials are never a part of the way. Other URLs are what they are.
std::optional<std::string> resolved_git_url(std::string_view url, std::string_view of);

/// A text, as of an error, in which URLs have no passwords: "https://***@host/path". A user is none for ssh.
std::string without_credentials(std::string_view text);

}  // namespace karapace::manifest
