// SPDX-License-Identifier: Apache-2.0
// What of the host a session sees: the project's directory and the manifest's mounts, each judged by its real path.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"
#include "store/runtime_configuration.hpp"

namespace karapace::sandbox {

struct MountPolicy {
  std::optional<std::filesystem::path> project;  // the manifest's directory
  std::filesystem::path home;
  std::vector<std::filesystem::path> allowed;
  store::ProjectAccess project_access = store::ProjectAccess::read_write;  // of mounts from inside the project, too
  /// Whether what ran in a session may have written to this directory, whose path has no links.
  std::function<bool(const std::filesystem::path& directory)> written_by_sessions = {};
};

/// The project's directory, which is mounted at its own path. SandboxError when it is "/" or holds the whole home
/// directory: then everything would be visible inside.
Bind project_bind(const std::filesystem::path& project, const std::filesystem::path& home,
                  store::ProjectAccess access = store::ProjectAccess::read_write);

/// One mount of the manifest, with links resolved: a mount from inside the project or below an allowed directory.
/// SandboxError with the remedy for any other, for one that does not exist and for targets that the sandbox itself
/// needs (store::reserved_place).
Bind manifest_bind(const store::Mount& mount, const MountPolicy& policy);

/// What the caller asks for on the command line: a host directory or file at its own path. A path with links in it
/// stands at its real path, too, so that programs inside find either. SandboxError for one that does not exist, for "/"
/// and for what the sandbox itself needs, and when a link on the way may have been made in a session: what a person
/// says must not be widened by that.
std::vector<Bind> caller_binds(const std::filesystem::path& path, BindAccess access, const MountPolicy& policy);

/// Where something is mounted: SandboxError, beginning with `what` ("--bind"), for "/" and for what the sandbox itself
/// needs.
void check_target(std::string_view what, std::string_view target);

/// Whether `path` is `directory` or below it; both absolute, without links.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& directory);

}  // namespace karapace::sandbox
