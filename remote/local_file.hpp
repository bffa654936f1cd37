// SPDX-License-Identifier: Apache-2.0
// Local sources: absolute paths and file: URLs, read like any other mirror.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "remote/attempt.hpp"
#include "remote/partial_file.hpp"

namespace karapace::remote {

/// The path that `location` names: itself when absolute, the decoded path of a file: URL of this host; else nothing.
std::optional<std::filesystem::path> local_path(std::string_view location);
/// Copies a regular file of exactly the declared size into `file`, from its beginning. It is opened once, and no wait
/// is ever for it. In "DIRECTORY/./NAME" no link in NAME may lead out of DIRECTORY: so `karapace gen` writes the files
/// of a project, whose author need not be trusted.
Attempt copy_local(const std::filesystem::path& source, PartialFile& file);

}  // namespace karapace::remote
