// SPDX-License-Identifier: Apache-2.0
// Toolchains: small programs and a file for CMake with which tools outside compile in an environment.
//
// `toolchains/<digest>/` holds them. People run these programs, so they are not in a project, where what runs in a
// session could change them. A toolchain is immutable, appears by rename(2), is found again when an equal one is asked
// for, and goes with its environment, which its file `environment` names.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/digest.hpp"
#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// Path in the toolchain ("toolchain.cmake", "bin/gcc") -> text. What is below `bin` is executable.
using ToolchainFiles = std::map<std::string, std::string>;

/// The toolchain's name: of its files' paths and texts (docs/hash-contract.md).
Digest toolchain_digest(const ToolchainFiles& files);

/// The directory of the toolchain with these files and `environment`; one that is there is compared, and replaced when
/// it is damaged. NotFoundError when the environment has gone: gc takes both.
std::filesystem::path add_toolchain(const Store& store, const EnvironmentId& environment, ToolchainFiles files);

/// The environment of the toolchain of this name; nothing when it is damaged.
std::optional<EnvironmentId> environment_of_toolchain(const Store& store, const std::string& name);

/// Whether the files of the toolchain of this name are those that it is named by.
bool is_whole_toolchain(const Store& store, const std::string& name);

/// Makes the files in an open directory, as toolchains have them.
void write_toolchain_files(int directory, const ToolchainFiles& files);

}  // namespace karapace::store
