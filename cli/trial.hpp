// SPDX-License-Identifier: Apache-2.0
// Trial: does a sandbox work here? Answered by making one, in a child process, and running nothing in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace karapace::cli {

enum class TrialRoot { plain, kernel_overlay, fuse_overlay };

/// Nothing when it works, else the reason. `place` is a directory on the store's file system: when it can not be
/// written to, the directory for temporary files is used. `plain` does without an overlay.
std::optional<std::string> try_sandbox(const std::filesystem::path& place, TrialRoot root);

}  // namespace karapace::cli
