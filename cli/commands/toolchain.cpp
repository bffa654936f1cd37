// SPDX-License-Identifier: Apache-2.0
// toolchain: files with which CMake compiles inside an environment.
#include "store/toolchain.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/sibling_programs.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/output_file.hpp"
#include "cli/store_access.hpp"
#include "generator/project/control_files.hpp"
#include "generator/project/toolchain_text.hpp"
#include "store/environment.hpp"
#include "store/root.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string environment = ".";
  std::string directory;
  std::vector<std::string> binds;
  std::optional<std::string> output;
  bool preset = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path (default: .)");
  options.value("--bind", "PATH", arguments.binds,
                "another directory, which exists, to build in or read from; may be repeated");
  options.value("-C,--directory", "DIR", arguments.directory,
                "where the programs go (default: the store; what runs in a session may change a project)");
  options.flag("--preset", arguments.preset, "write a CMakeUserPresets.json instead");
  options.value("-o,--output", "FILE", arguments.output,
                "write there, when all has gone well, instead of to standard output (\"-\")");
}

/// Links in a sysroot lead nowhere else, so asking the host is safe.
bool is_program(const fs::path& sysroot, const fs::path& path) {
  struct stat status{};
  return ::stat((sysroot / path).c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
}

fs::path make_sysroot(const store::Store& store, const EnvironmentId& id) {
  if (!store::find_environment(store, id)) {
    throw NotFoundError(
        fmt::format("toolchain: the environment {} is not built yet: run `ninja` or `karapace build`", id.short_hex()));
  }
  if (store.has_sysroot(id)) return store.sysroot_path(id);  // so that a read-only store will do
  if (!store.writable())
    throw StoreError(
        fmt::format("toolchain: the environment {} has no sysroot yet, and the store {} can not be written to: run "
                    "`karapace toolchain` once where it can",
                    id.short_hex(), escaped_utf8(store.root().native())));
  const auto made = capture_child({.argv = {find_program("karapace-sysroot"), store.root(), id.hex()},
                                   .working_directory = {},
                                   .output = ChildOutput::discard});
  if (made.status != 0) {
    auto why = made.errors;
    while (why.ends_with('\n')) why.pop_back();
    throw Error(fmt::format("toolchain: the environment's sysroot can not be made: {}",
                            why.empty() ? fmt::format("karapace-sysroot ended with status {}", made.status) : why));
  }
  return store.sysroot_path(id);
}

std::string processor() {
  utsname names{};
  return ::uname(&names) == 0 ? names.machine : "unknown";
}

/// One that does not exist would be refused by each compiler, where nobody reads the reason.
fs::path shared_directory(const std::string& word) {
  auto path = fs::absolute(word).lexically_normal();
  std::error_code error;
  if (fs::is_directory(path, error)) return path;
  throw NotFoundError(fmt::format("toolchain: --bind: \"{}\" is no directory: make it first, or name another",
                                  escaped_utf8(path.native())));
}

project::Toolchain make_toolchain(const store::Store& store, const Arguments& arguments) {
  auto reference = find_reference(store, arguments.environment);
  project::Toolchain toolchain;
  toolchain.name = reference.root ? reference.root->name : reference.environment.short_hex();
  toolchain.environment = reference.environment;
  if (reference.root) toolchain.shared.push_back(reference.root->manifest.parent_path());
  for (const auto& path : arguments.binds) toolchain.shared.push_back(shared_directory(path));
  if (toolchain.shared.empty()) {
    throw UsageError(
        "toolchain: this environment belongs to no project here: name the directory to build in with --bind");
  }
  toolchain.sysroot = make_sysroot(store, reference.environment);
  toolchain.karapace = {find_program("karapace"), "--store", store.root()};
  toolchain.processor = processor();
  toolchain.programs = project::toolchain_programs(is_program, toolchain.sysroot);
  return toolchain;
}

void require_compiler(const project::Toolchain& toolchain) {
  if (toolchain.programs.contains("CMAKE_C_COMPILER") || toolchain.programs.contains("CMAKE_CXX_COMPILER")) return;
  throw NotFoundError(
      fmt::format("toolchain: there is no compiler in the environment {}: add \"gcc\", \"g++\" or \"clang\" "
                  "to the packages in its manifest",
                  toolchain.name));
}

/// Where the files are.
fs::path write_files(const store::Store& store, const project::Toolchain& toolchain, const std::string& directory) {
  auto files = project::toolchain_files(toolchain);
  if (directory.empty()) return store::add_toolchain(store, toolchain.environment, std::move(files));
  auto path = fs::absolute(directory).lexically_normal();
  project::write_toolchain(path, files, project::in_projects(store));
  return path;
}

nlohmann::json document(const project::Toolchain& toolchain, const fs::path& place,
                        const std::optional<fs::path>& output) {
  auto programs = nlohmann::json::object();
  for (const auto& [variable, path] : toolchain.programs) {
    programs[variable] = path_json(place / "bin" / path.filename());
  }
  auto shared = nlohmann::json::array();
  for (const auto& directory : toolchain.shared) shared.push_back(path_json(directory));
  return {{"environment", toolchain.environment.hex()},
          {"name", escaped_utf8(toolchain.name)},
          {"output_file", path_json(output)},
          {"programs", std::move(programs)},
          {"shared_directories", std::move(shared)},
          {"sysroot", path_json(toolchain.sysroot)},
          {"toolchain_file", path_json(place / project::toolchain_file)}};
}

int run(const Context& context, const Arguments& arguments) {
  auto store = context.open_store(store::Store::Access::read_only);  // enough when all is there
  auto toolchain = make_toolchain(store, arguments);
  require_compiler(toolchain);
  auto place = write_files(store, toolchain, arguments.directory);
  auto text =
      arguments.preset ? project::toolchain_preset(toolchain, place) : project::toolchain_text(toolchain, place);
  auto file = output_file(arguments.output, std::nullopt);
  if (file) write_whole(*file, text);
  if (context.json) {
    context.print_json("karapace.toolchain", document(toolchain, place, file));
  } else if (!file) {
    context.print_document(text);
  }
  return 0;
}

}  // namespace

Command toolchain_command() {
  return make_command<Arguments>(
      {.name = "toolchain",
       .group = Group::using_,
       .summary = "Make CMake compile in an environment",
       .description = "Writes a CMake toolchain file whose compilers, linkers and emulator run in the environment,\n"
                      "while cmake, ninja, ccache, the editor and the debugger run outside. Paths are the same on\n"
                      "both sides: the project's directory is visible at its own path, and headers and libraries\n"
                      "are named below a merged tree of the environment that can be read from outside, too.\n"
                      "When the lock changes, call it again and configure afresh.",
       .examples = {{"karapace toolchain dev -o toolchain.cmake", "then: cmake -B build --toolchain toolchain.cmake"},
                    {"karapace toolchain --preset -o CMakeUserPresets.json", "then: cmake --preset karapace-NAME"},
                    {"mkdir /tmp/build && karapace toolchain . --bind /tmp/build",
                     "a build directory outside the project"}}},
      declare, run);
}

}  // namespace karapace::cli
