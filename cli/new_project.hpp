// SPDX-License-Identifier: Apache-2.0
// New projects: what the commands that begin one (`new`, `release init`) share.
#pragma once

#include <filesystem>
#include <string_view>

namespace karapace::cli {

/// Makes the project's directory, if it is not there.
void make_project_directory(const std::filesystem::path& directory, std::string_view command);

/// What gen and ninja write beside a manifest belongs to the machine. A .gitignore that is there is left alone: then
/// the answer is false.
bool write_gitignore(const std::filesystem::path& directory);

}  // namespace karapace::cli
