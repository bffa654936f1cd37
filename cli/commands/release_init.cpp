// SPDX-License-Identifier: Apache-2.0
// release init: a manifest with a release to begin with.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/json/text.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/new_project.hpp"
#include "generator/manifest/manifest.hpp"
#include "store/release_document.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string name;
  std::string destination;
  std::string directory = ".";
};

void declare(Options& options, Arguments& arguments) {
  options.positional("NAME", arguments.name, "of the release, its main package and its program",
                     Options::Presence::required);
  options.value("-d,--destination", "DIR", arguments.destination,
                "where it will live (default: /opt/apps/NAME, or apps/NAME in the home directory of who can not write "
                "to /opt)");
  options.value("-C,--directory", "DIR", arguments.directory,
                "the project's directory, made when missing (default: .)");
}

/// How what is there is built, by the file that says so.
struct Way {
  std::string_view file;
  std::string_view packages;
  std::string_view build;
};
constexpr std::array<Way, 4> ways = {
    {{"CMakeLists.txt", R"("cmake", "g++", "ninja-build")",
      "cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=\"$out\"\n"
      "cmake --build build -j $jobs\n"
      "cmake --install build\n"},
     {"meson.build", R"("g++", "meson", "ninja-build")",
      "meson setup build --buildtype release --prefix \"$out\" --libdir lib\n"
      "ninja -C build -j $jobs install\n"},
     {"configure", R"("g++", "make")",
      "./configure --prefix=\"$out\"\n"
      "make -j $jobs\n"
      "make install\n"},
     {"Makefile", R"("g++", "make")",
      "make -j $jobs PREFIX=\"$out\"\n"
      "make install PREFIX=\"$out\"\n"}}};

/// What the manifest says of the source.
struct Source {
  std::string packages;
  std::string path;
  std::string build;
  std::string comment;
};

Source example_source(const std::string& name) {
  return {.packages = R"("gcc", "libc6-dev")",
          .path = "src",
          .build = fmt::format("mkdir -p \"$out/bin\"\ngcc -O2 -Wall -o \"$out/bin/{0}\" {0}.c\n", name),
          .comment = "a directory of the project; or git = \"URL\" with ref = \"v1.0\"; or archive = \"URL\""};
}

std::optional<Source> found_source(const fs::path& directory) {
  for (const auto& way : ways)
    if (fs::exists(directory / way.file))
      return Source{.packages = std::string(way.packages),
                    .path = ".",
                    .build = std::string(way.build),
                    .comment = fmt::format("all that git does not ignore; it is built as its {} says", way.file)};
  return std::nullopt;
}

std::string quoted(const std::string& word) {
  std::string text;
  append_json(text, word);
  return text;
}

std::string default_destination(const std::string& name) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/' || ::access("/opt", W_OK) == 0) return "/opt/apps/" + name;
  return (fs::path(home) / "apps" / name).lexically_normal();
}

std::string named_destination(const std::string& word) {
  const auto path = fs::absolute(word).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

std::string manifest_text(const std::string& name, const std::string& destination, const Source& source) {
  return fmt::format(R"(# {0}, built from source and installed: docs/releases.md explains every key.
manifest_version = 1

[base]
image = "debian/bookworm"

[system]
packages = [{2}]   # what the build needs

[release]
name = "{0}"
destination = {1}   # where it will live: built into it
main = "{0}"                 # the [[source]] whose version the release has
entrypoints = ["{0}"]        # programs in a package's bin, for users
# run = "inside"             # in the environment, where hosts lack libraries

[release.test]               # `karapace release test`, with what is installed
run = ["command -v {0}"]

# [release.links]            # stable, latest, 0, 0.1 and 0.1.0 are made by themselves
# tested = "0.1"

# [release.hosts]            # `karapace release sync` brings it there
# lab = "user@host"

# A source is built in the environment, without network. $out is the package's directory, $jobs the number of
# processes; of each source in depends, $NAME is the directory.
[[source]]
name = "{0}"
version = "0.1.0"
path = "{3}"   # {4}
# depends = ["library"]
build = """
{5}"""
)",
                     name, quoted(destination), source.packages, source.path, source.comment, source.build);
}

std::string example_program(const std::string& name) {
  return fmt::format("#include <stdio.h>\n\nint main(void) {{\n  puts(\"{} 0.1.0\");\n  return 0;\n}}\n", name);
}

bool has_nothing(const fs::path& directory) {
  const auto names = names_in(directory);
  return std::all_of(names.begin(), names.end(),
                     [](const std::string& name) { return name == ".git" || name == ".gitignore"; });
}

int run(const Context& context, const Arguments& arguments) {
  const auto& name = arguments.name;
  if (!store::is_release_word(name))
    throw UsageError(
        fmt::format("release init: \"{}\" can not be a release's name: letters, digits and . _ + - ~, "
                    "beginning with a letter, a digit or _",
                    escaped_utf8(name)));
  const auto directory = (fs::current_path() / arguments.directory).lexically_normal();
  const auto manifest = (directory / "karapace.toml").lexically_normal();
  if (fs::exists(fs::symlink_status(manifest)))
    throw Error(fmt::format("release init: {} exists, and is left as it is: write [release] and [[source]] there",
                            escaped_utf8(manifest.native())));
  const bool is_fresh = !fs::exists(directory) || has_nothing(directory);
  const auto source = is_fresh ? example_source(name) : found_source(directory);
  if (!source) {
    std::vector<std::string_view> files;
    for (const auto& way : ways) files.push_back(way.file);
    throw Error(
        fmt::format("release init: nothing in {} says how it is built (there is none of {}): begin in an empty "
                    "directory, and say in the manifest that is written there where the sources are",
                    escaped_utf8(directory.native()), fmt::join(files, ", ")));
  }
  const auto destination =
      arguments.destination.empty() ? default_destination(name) : named_destination(arguments.destination);
  const auto text = manifest_text(name, destination, *source);
  manifest::parse_manifest(text, manifest.native());  // before anything is written: what the destination can not be
  make_project_directory(directory, "release init");
  std::vector<fs::path> written{manifest};
  if (is_fresh) {
    fs::create_directory(directory / "src");
    written.push_back(directory / "src" / (name + ".c"));
    write_file_atomically(written.back(), example_program(name), Durable::yes);
  }
  write_file_atomically(manifest, text, Durable::yes);
  const bool ignored = write_gitignore(directory);
  if (context.json) {
    auto files = nlohmann::json::array();
    for (const auto& file : written) files.push_back(path_json(file));
    context.print_json("karapace.release-init", {{"destination_directory", path_json(fs::path(destination))},
                                                 {"files", std::move(files)},
                                                 {"gitignore_written", ignored},
                                                 {"manifest", path_json(manifest)},
                                                 {"release", name}});
    return 0;
  }
  const auto where = arguments.directory == "." ? "" : fmt::format(" {}", arguments.directory);
  context.print(fmt::format("{} written; next: karapace release build{}, karapace release install{}\n",
                            manifest.native(), where, where));
  return 0;
}

}  // namespace

Command release_init_command() {
  return make_command<Arguments>(
      {.name = "release init",
       .group = Group::releases,
       .summary = "Write a manifest with a release to begin with",
       .description =
           "Writes karapace.toml, commented, with a release of one package: in an empty directory with a small\n"
           "program in C, elsewhere from what is there, built as its CMakeLists.txt, meson.build, configure\n"
           "or Makefile says. The example builds at once. A manifest that is there is never replaced.",
       .examples = {{"karapace release init solver", "in the directory of a project, or in an empty one"},
                    {"karapace release init solver -d /srv/solver -C solver",
                     "another destination, and a new directory"}}},
      declare, run);
}

}  // namespace karapace::cli
