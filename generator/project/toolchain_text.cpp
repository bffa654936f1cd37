// SPDX-License-Identifier: Apache-2.0
#include "generator/project/toolchain_text.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"
#include "generator/graph/quoting.hpp"
#include "generator/project/own_directory.hpp"

namespace karapace::project {

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
  auto append = [&](const std::string& word) { line += " " + graph::shell_quoted(word); };
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

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

/// A directory of an old toolchain. Only what begins as a toolchain's file may be in it: all of it will be removed.
class OldToolchain {
 public:
  static std::optional<OldToolchain> open(int parent, const fs::path& path) {
    Fd top(::openat(parent, path.filename().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!top && errno == ENOENT) return std::nullopt;
    if (!top) refuse(fmt::format("{} is a link or no directory", quoted(path)));
    return OldToolchain(std::move(top), path);
  }

  void remove() const {
    if (!bin_) return;
    for (const auto& name : names_in(bin_.get(), path_)) ::unlinkat(bin_.get(), name.c_str(), 0);
    ::unlinkat(top_.get(), "bin", AT_REMOVEDIR);
    ::unlinkat(top_.get(), std::string(toolchain_file).c_str(), 0);
  }

 private:
  OldToolchain(Fd top, const fs::path& path) : top_(std::move(top)), path_(path) {
    auto names = names_in(top_.get(), path_);
    if (names.empty()) return;  // made by a person, to be filled
    for (const auto& name : names) {
      if (name != "bin") require_ours(top_.get(), path_ / name, name == toolchain_file);
    }
    bin_ = Fd(::openat(top_.get(), "bin", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!bin_) refuse(fmt::format("{} holds no toolchain", quoted(path_)));
    for (const auto& name : names_in(bin_.get(), path_ / "bin")) require_ours(bin_.get(), path_ / "bin" / name, true);
  }

  [[noreturn]] static void refuse(const std::string& what) {
    throw Error(
        fmt::format("toolchain: {}, so it is left alone: name a directory that does not exist yet with -C, or "
                    "leave -C out",
                    what));
  }

  static void require_ours(int directory, const fs::path& path, bool name_fits) {
    Fd fd(::openat(directory, path.filename().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status{};
    if (name_fits && fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) {
      constexpr std::string_view first_line = "#!/bin/sh\n";
      std::string start(first_line.size() + toolchain_mark.size(), '\0');
      auto count = ::read(fd.get(), start.data(), start.size());
      start.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
      std::string_view text = start;
      if (text.starts_with(first_line)) text.remove_prefix(first_line.size());
      if (text.starts_with(toolchain_mark)) return;
    }
    refuse(fmt::format("{} is not of a toolchain", quoted(path)));
  }

  Fd top_;
  Fd bin_;
  fs::path path_;
};

struct FreshDirectory {
  std::string name;
  Fd fd;
};

/// A new directory beside `path`, in the open `parent`, under an unguessable name. What runs in a session may put
/// another thing in its place at once: so it is opened without following a link, and everything else goes by the
/// descriptor.
FreshDirectory fresh_directory(int parent, const fs::path& path) {
  std::string made = fmt::format("/proc/self/fd/{}/.{}-XXXXXX", parent, path.filename().native());
  if (::mkdtemp(made.data()) != nullptr) {
    FreshDirectory fresh{fs::path(made).filename(), {}};
    fresh.fd = Fd(::openat(parent, fresh.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fresh.fd && ::fchmod(fresh.fd.get(), 0755) == 0) return fresh;
  }
  throw Error(errno_message(fmt::format("toolchain: cannot make a directory beside {}", quoted(path)), errno));
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
  nlohmann::ordered_json document = {{"version", 6},
                                     {"configurePresets", nlohmann::ordered_json::array({configure})},
                                     {"buildPresets", nlohmann::ordered_json::array({follower})},
                                     {"testPresets", nlohmann::ordered_json::array({follower})}};
  return printable_json(document.dump(2) + "\n");
}

void write_toolchain(const fs::path& directory, const store::ToolchainFiles& files,
                     const OwnDirectory::WrittenBySessions& written_by_sessions) {
  auto path = directory.has_filename() ? directory : directory.parent_path();
  auto parent = OwnDirectory::make(path.parent_path(), "toolchain", written_by_sessions);
  auto old = OldToolchain::open(parent.fd(), path);
  auto fresh = fresh_directory(parent.fd(), path);
  store::write_toolchain_files(fresh.fd.get(), files);
  const auto& name = fresh.name;
  unsigned flags = old ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(parent.fd(), name.c_str(), parent.fd(), path.filename().c_str(), flags) != 0) {
    throw Error(errno_message(fmt::format("toolchain: cannot make {}", quoted(path)), errno));
  }
  if (!old) return;
  old->remove();
  ::unlinkat(parent.fd(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace karapace::project
