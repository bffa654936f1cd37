// SPDX-License-Identifier: Apache-2.0
// Which host directories manifests may mount from, outside their project: the user's choice, not the manifest's.
//
//   [mounts]
//   allowed = ["/data/shared", "~/datasets"]      # in $XDG_CONFIG_HOME/karapace/config.toml
#pragma once

#include <filesystem>
#include <vector>

namespace karapace::cli {

/// Empty without a configuration. ManifestError `file:line:column: ...` when `[mounts]` is not as above.
std::vector<std::filesystem::path> allowed_mounts();

}  // namespace karapace::cli
