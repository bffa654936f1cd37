// SPDX-License-Identifier: Apache-2.0
// import karsk: a manifest for a project of Karsk.
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/child.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/error_answer.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "store/tree_walk.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string project;
  std::string directory;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("CONFIG", arguments.project, "the YAML file of the project", Options::Presence::required);
  options.value("-o,--output", "DIR", arguments.directory,
                "where karapace.toml goes; else beside CONFIG, whose paths it keeps");
}

nlohmann::json imported(const fs::path& project) {
  const auto made = capture_child({.argv = {find_program("karapace-import-karsk"), project}});
  constexpr int no_such_program = 127;
  if (made.status == no_such_program)
    throw Error(
        "import karsk: karapace-import-karsk is not installed: it is built where yaml-cpp is (libyaml-cpp-dev)");
  throw_if_error_answer(made.output);
  if (made.status == 0) return nlohmann::json::parse(made.output);
  throw Error(fmt::format("import karsk: karapace-import-karsk ended with status {}: {}", made.status,
                          escaped_utf8(trimmed(made.errors))));
}

void require_new(const fs::path& file) {
  if (fs::exists(fs::symlink_status(file)))
    throw Error(fmt::format("import karsk: \"{}\" exists: move it away, or name another directory with -o",
                            escaped_utf8(file.native())));
}

/// Below the directory itself: the project may be anybody's, and neither its names nor links in it lead elsewhere.
void add_file(const fs::path& directory, const fs::path& path, std::string_view text) {
  auto place = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  auto shown = directory;
  for (const auto& part : path.parent_path()) {
    shown /= part;
    ::mkdirat(place.get(), part.c_str(), 0777);
    auto next = store::open_beneath(place.get(), part.native(), O_RDONLY | O_DIRECTORY);
    if (!next)
      throw Error(errno_message(
          fmt::format("import karsk: \"{}\" must be a directory and no link", escaped_utf8(shown.native())), errno));
    place = std::move(next);
  }
  struct stat status;
  if (::fstatat(place.get(), path.filename().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return;
  write_file_in(place.get(), directory / path, text);
}

int run(const Context& context, const Arguments& arguments) {
  const auto project = fs::absolute(arguments.project).lexically_normal();
  const auto directory = arguments.directory.empty()
                             ? project.parent_path()
                             : (fs::absolute(arguments.directory) / "").lexically_normal().parent_path();
  const auto made = imported(project);
  auto notes = made.at("notes").get<std::vector<std::string>>();
  if (directory != project.parent_path())
    notes.push_back(fmt::format("paths are those of {}: bring the files that the manifest names into {}",
                                escaped_utf8(project.parent_path().native()), escaped_utf8(directory.native())));
  const auto manifest = directory / "karapace.toml";
  const auto files = made.at("files").get<std::map<std::string, std::string>>();
  require_new(manifest);
  fs::create_directories(directory);
  for (const auto& [path, text] : files) add_file(directory, path, text);
  write_file_atomically(manifest, made.at("manifest").get<std::string>(), Durable::no);
  if (context.json) {
    context.print_json("karapace.import-karsk",
                       {{"manifest", path_json(manifest)}, {"notes", notes}, {"packages", made.at("packages")}});
    return 0;
  }
  for (const auto& note : notes) context.print(fmt::format("{}\n", note));
  context.print(fmt::format("{}: {}; next: karapace gen\n", escaped_utf8(manifest.native()),
                            counted(made.at("packages").size(), "package")));
  return 0;
}

}  // namespace

Command import_karsk_command() {
  return make_command<Arguments>(
      {.name = "import karsk",
       .group = Group::releases,
       .summary = "Write a manifest for a project of Karsk",
       .description =
           "Packages become [[source]] tables, the destination, entry points, links and areas [release]. Of the\n"
           "Containerfile that is its build-image the base is taken, and packages that it installs with apt. What "
           "could\n"
           "not be carried over, or means something else here, is told.",
       .examples = {{"karapace import karsk config.yaml", "karapace.toml beside it"},
                    {"karapace import karsk config.yaml -o elsewhere", "in another directory"}}},
      declare, run);
}

}  // namespace karapace::cli
