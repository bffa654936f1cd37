// SPDX-License-Identifier: Apache-2.0
// A toolchain where a person wants it, instead of in the store.
#pragma once

#include <filesystem>

#include "generator/project/own_directory.hpp"
#include "store/toolchain.hpp"

namespace karapace::generator {

/// Puts the files into `directory` in place of an older toolchain: they are made in a fresh directory beside it, which
/// then takes its name. Nothing is removed but the files of a toolchain, by name and through no link. Error when the
/// directory is a link or holds anything else, and when the way to it has a link that is not to be followed.
void write_toolchain(const std::filesystem::path& directory, const store::ToolchainFiles& files,
                     const OwnDirectory::WrittenBySessions& written_by_sessions = {});

}  // namespace karapace::generator
