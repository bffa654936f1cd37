// SPDX-License-Identifier: Apache-2.0
#include "generator/project/toolchain_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "generator/graph/quoting.hpp"

namespace karapace::generator {

namespace {

namespace fs = std::filesystem;

struct Candidates {
  std::string_view variable;
  std::vector<std::string_view> names;
};

const std::vector<Candidates>& candidates() {
  static const std::vector<Candidates> all = {
      // The names that say which compiler it is come first: ccache goes by them.
      {"CMAKE_C_COMPILER", {"gcc", "clang", "cc"}},
      {"CMAKE_CXX_COMPILER", {"g++", "clang++", "c++"}},
      {"CMAKE_Fortran_COMPILER", {"gfortran"}},
      {"CMAKE_AR", {"ar"}},
      {"CMAKE_LINKER", {"ld"}},
      {"CMAKE_NM", {"nm"}},
      {"CMAKE_OBJCOPY", {"objcopy"}},
      {"CMAKE_OBJDUMP", {"objdump"}},
      {"CMAKE_RANLIB", {"ranlib"}},
      {"CMAKE_READELF", {"readelf"}},
      {"CMAKE_STRIP", {"strip"}},
  };
  return all;
}

/// A bracket argument: nothing in it means anything to CMake. One whose text ends it early is not a path of anybody's.
std::string cmake_text(const fs::path& path) { return "[==[" + path.native() + "]==]"; }

std::string cmake_list(const std::vector<fs::path>& paths) {
  std::string text;
  for (const auto& path : paths) text += "\n  " + cmake_text(path);
  return text;
}

std::string script_text(const Toolchain& toolchain, const std::vector<std::string>& options,
                        const std::vector<std::string>& program) {
  std::string line = "exec";
  auto append = [&](const std::string& word) { line += " " + shell_quoted(word); };
  for (const auto& word : toolchain.karapace) append(word);
  append("exec");
  append("--ephemeral");
  for (const auto& option : options) append(option);
  for (const auto& directory : toolchain.shared) {
    append("--bind");
    append(directory);
  }
  // While configuring, CMake compiles sources of its own: the toolchain file says where they are.
  line += " ${KARAPACE_CMAKE_ROOT:+--bind-ro \"$KARAPACE_CMAKE_ROOT\"}";
  append(toolchain.environment.hex());
  append("--");
  for (const auto& word : program) append(word);
  return fmt::format("#!/bin/sh\n{}.\n{} \"$@\"\n", toolchain_mark, line);
}

constexpr std::string_view visibility_check = R"(
# A directory that is not visible inside would make the compilers fail with messages about missing files.
foreach(karapace_directory IN ITEMS "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}")
  set(karapace_visible FALSE)
  foreach(karapace_shared IN LISTS KARAPACE_SHARED_DIRECTORIES)
    cmake_path(IS_PREFIX karapace_shared "${karapace_directory}" NORMALIZE karapace_inside)
    if(karapace_inside)
      set(karapace_visible TRUE)
    endif()
  endforeach()
  if(NOT karapace_visible)
    message(FATAL_ERROR "The directory ${karapace_directory} is not visible in the environment: write the toolchain "
      "file with `karapace toolchain --bind ${karapace_directory}`, or build below ${KARAPACE_SHARED_DIRECTORIES}")
  endif()
endforeach()
)";

constexpr std::string_view compiler_caches = R"(
# ccache has the compiler write into its own temporary directory, which must be visible inside.
foreach(karapace_language IN ITEMS C CXX)
  if("${CMAKE_${karapace_language}_COMPILER_LAUNCHER}" MATCHES "(^|/)ccache$")
    list(APPEND CMAKE_${karapace_language}_COMPILER_LAUNCHER "temporary_dir=${CMAKE_BINARY_DIR}/CMakeFiles/ccache")
  endif()
endforeach()
)";

constexpr std::string_view find_modes = R"(
# CMake's own test programs must be visible, too; children of this process are told where they are.
set(ENV{KARAPACE_CMAKE_ROOT} "${CMAKE_ROOT}")

# Packages, libraries and headers are the environment's, or the project's own; programs that run during the build are
# the host's, since nothing of the image may run outside the sandbox.
set(CMAKE_FIND_ROOT_PATH "${CMAKE_SYSROOT}" ${KARAPACE_SHARED_DIRECTORIES})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${CMAKE_SYSROOT}")
file(GLOB karapace_pkgconfig "${CMAKE_SYSROOT}/usr/lib/*/pkgconfig")
list(APPEND karapace_pkgconfig "${CMAKE_SYSROOT}/usr/lib/pkgconfig" "${CMAKE_SYSROOT}/usr/share/pkgconfig")
list(JOIN karapace_pkgconfig ":" karapace_pkgconfig)
set(ENV{PKG_CONFIG_LIBDIR} "${karapace_pkgconfig}")
)";

/// `bin`: the programs' directory, as CMake reads it.
std::string text_with_programs(const Toolchain& toolchain, const std::string& bin) {
  auto text = fmt::format(
      "{}: compilers, linkers and what they build run in the environment {}\n# {}.\n"
      "set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR {})\nset(CMAKE_SYSROOT {})\n\nset(karapace_programs "
      "{})\n",
      toolchain_mark, toolchain.name, toolchain.environment.hex(), toolchain.processor, cmake_text(toolchain.sysroot),
      bin);
  for (const auto& [variable, program] : toolchain.programs) {
    text += fmt::format("set({} \"${{karapace_programs}}/{}\")\n", variable, program.filename().native());
  }
  text += fmt::format(
      "set(CMAKE_CROSSCOMPILING_EMULATOR \"${{karapace_programs}}/{}\")\nset(KARAPACE_SHARED_DIRECTORIES{})\n",
      emulator_program, cmake_list(toolchain.shared));
  text += visibility_check;
  text += compiler_caches;
  text += find_modes;
  return text;
}

}  // namespace

std::map<std::string, fs::path> toolchain_programs(bool (*exists)(const fs::path&, const fs::path&),
                                                   const fs::path& sysroot) {
  std::map<std::string, fs::path> found;
  for (const auto& [variable, names] : candidates()) {
    for (auto name : names) {
      auto path = fs::path("usr/bin") / name;
      if (!exists(sysroot, path)) continue;
      found.emplace(variable, path);
      break;
    }
  }
  return found;
}

std::map<std::string, std::string> toolchain_files(const Toolchain& toolchain) {
  std::map<std::string, std::string> files;
  for (const auto& [variable, program] : toolchain.programs) {
    files["bin/" + program.filename().native()] = script_text(toolchain, {"--sysroot"}, {toolchain.sysroot / program});
  }
  files[fmt::format("bin/{}", emulator_program)] = script_text(toolchain, {}, {});
  files[std::string(toolchain_file)] = text_with_programs(toolchain, "\"${CMAKE_CURRENT_LIST_DIR}/bin\"");
  return files;
}

std::string toolchain_text(const Toolchain& toolchain, const fs::path& directory) {
  return text_with_programs(toolchain, cmake_text(directory / "bin"));
}

std::string toolchain_preset(const Toolchain& toolchain, const fs::path& directory) {
  auto name = "karapace-" + toolchain.name;
  nlohmann::ordered_json configure = {{"name", name},
                                      {"displayName", "Compile in the environment " + toolchain.name},
                                      {"generator", "Ninja"},
                                      {"binaryDir", "${sourceDir}/build/" + name},
                                      {"toolchainFile", (directory / toolchain_file).native()}};
  nlohmann::ordered_json follower = {{"name", name}, {"configurePreset", name}};
  nlohmann::ordered_json document = {
      {"version", 6}, {"configurePresets", {configure}}, {"buildPresets", {follower}}, {"testPresets", {follower}}};
  return printable_json(document.dump(2) + "\n");
}

}  // namespace karapace::generator
