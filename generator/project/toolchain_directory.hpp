// SPDX-License-Identifier: Apache-2.0
// A toolchain where a person wants it, instead of in the store.
#pragma once

#include <filesystem>

#include "store/toolchain.hpp"

namespace karapace::generator {

/// Puts the files into `directory` in place of an older toolchain: they are made in a fresh directory beside it, which
/// then takes its name. Nothing is removed but the files of a toolchain, by name and through no link. Error when the
/// directory is a link or holds anything else.
void write_toolchain(const std::filesystem::path& directory, const store::ToolchainFiles& files);

}  // namespace karapace::generator
