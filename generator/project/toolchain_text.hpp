// SPDX-License-Identifier: Apache-2.0
// The files with which CMake compiles inside an environment: a toolchain file, small programs that run the compilers
// there, and a preset. Pure text; the store keeps them (store/toolchain.hpp), and no text among the kept ones says
// where.
//
// Paths are the same inside and outside: the project's directory stands at its own path, and the compilers are called
// by their path below the sysroot, with the sysroot as theirs, so that every header they name can be opened outside.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "generator/project/own_directory.hpp"
#include "store/identifiers.hpp"
#include "store/toolchain.hpp"

namespace karapace::project {

struct Toolchain {
  std::string name;  // of the environment, for people
  EnvironmentId environment;
  std::filesystem::path sysroot;
  std::vector<std::filesystem::path> shared;  // directories that are visible inside: the project's first
  std::vector<std::string> karapace;          // how karapace is called, with its global options
  std::string processor;                      // as uname -m says
  /// CMake's variable -> the program's path below the sysroot: {"CMAKE_C_COMPILER", "usr/bin/cc"}.
  std::map<std::string, std::filesystem::path> programs;
};

/// The programs that CMake should know, of those that `exists` says yes to (paths below the sysroot): for a compiler
/// the first of its usual names.
std::map<std::string, std::filesystem::path> toolchain_programs(bool (*exists)(const std::filesystem::path&,
                                                                               const std::filesystem::path&),
                                                                const std::filesystem::path& sysroot);

constexpr std::string_view toolchain_file = "toolchain.cmake";
/// Below `bin`: runs what was built, inside.
constexpr std::string_view emulator_program = "karapace-run";

/// What every file of a toolchain begins with, after a script's first line.
constexpr std::string_view toolchain_mark = "# Written by `karapace toolchain`";

/// toolchain.cmake and what is below `bin`: path -> text.
std::map<std::string, std::string> toolchain_files(const Toolchain& toolchain);
/// A toolchain file that may lie anywhere: its programs are those in `directory`, where the files above are.
std::string toolchain_text(const Toolchain& toolchain, const std::filesystem::path& directory);
/// CMakeUserPresets.json with one configure, build and test preset, "karapace-<name>", for the toolchain in
/// `directory`.
std::string toolchain_preset(const Toolchain& toolchain, const std::filesystem::path& directory);

// A toolchain where a person wants it, instead of in the store.

/// Puts the files into `directory` in place of an older toolchain: they are made in a fresh directory beside it, which
/// then takes its name. Nothing is removed but the files of a toolchain, by name and through no link. Error when the
/// directory is a link or holds anything else, and when the way to it has a link that is not to be followed.
void write_toolchain(const std::filesystem::path& directory, const store::ToolchainFiles& files,
                     const OwnDirectory::WrittenBySessions& written_by_sessions = {});

}  // namespace karapace::project
