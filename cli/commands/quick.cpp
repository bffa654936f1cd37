// SPDX-License-Identifier: Apache-2.0
// quick: an environment from words on the command line.
//
// Manifest and lock are real files, in a directory of the user's cache that is named by the manifest's content: the
// same words are the same environment, whenever they are said, in whatever order.
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/nearest_word.hpp"
#include "cli/building.hpp"
#include "cli/commands.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/generated_report.hpp"
#include "cli/sessions.hpp"
#include "cli/store_access.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/manifest/package_request.hpp"
#include "generator/project/ninja.hpp"
#include "generator/project/project.hpp"
#include "store/environment.hpp"
#include "store/root.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> words;
  bool upgrade = false;
  BuildingArguments building;
  SessionArguments session;
};

std::vector<std::string> base_words() {
  const auto known = manifest::known_images();
  return {known.begin(), known.end()};
}

void declare(Options& options, Arguments& arguments) {
  options.positional("BASE|PACKAGE", arguments.words,
                     "a base such as debian/trixie, first (default: debian/bookworm), and packages",
                     Options::Presence::optional, base_words());
  options.flag("--upgrade", arguments.upgrade, "move its packages to their newest versions");
  declare_building(options, arguments.building);
  declare_session_options(options, arguments.session);
  options.rest("COMMAND", arguments.session.argv, "instead of a login shell");
}

bool begins_as_base(std::string_view word) {
  return word.starts_with("debian/") || word.starts_with("ubuntu/") || manifest::names_archive(word);
}

/// "debian/12" and "debian/bookworm" are one.
std::string base_named(const std::string& word) {
  if (manifest::names_archive(word))
    throw UsageError(fmt::format("quick: \"{}\" is an archive: a manifest names one with its sha256 (karapace new)",
                                 escaped_utf8(word)));
  if (manifest::names_moving_suite(word))
    throw UsageError(fmt::format("quick: \"{}\" means another release from time to time: name one", word));
  if (const auto suite = manifest::suite_from(word)) return manifest::text(*suite);
  const auto near = nearest_word(word, manifest::known_images());
  throw UsageError(fmt::format("quick: \"{}\" is not a known base; {}", escaped_utf8(word),
                               near ? fmt::format("did you mean \"{}\"?", *near)
                                    : fmt::format("there are {}", fmt::join(manifest::known_images(), ", "))));
}

struct Wanted {
  std::string base = "debian/bookworm";
  std::set<std::string> packages;
};

Wanted wanted_from(std::span<const std::string> words) {
  Wanted wanted;
  if (!words.empty() && begins_as_base(words.front())) {
    wanted.base = base_named(words.front());
    words = words.subspan(1);
  }
  for (const auto& word : words) {
    if (begins_as_base(word)) throw UsageError(fmt::format("quick: the base \"{}\" comes first", escaped_utf8(word)));
    if (const auto complaint = manifest::judge_package_request(word))
      throw UsageError(fmt::format("quick: \"{}\" {}", escaped_utf8(word), *complaint));
    wanted.packages.insert(word);
  }
  return wanted;
}

/// Words that were judged hold nothing that ends a string of TOML.
std::string manifest_text(const Wanted& wanted) {
  std::vector<std::string> quoted;
  for (const auto& package : wanted.packages) quoted.push_back(fmt::format("\"{}\"", package));
  return fmt::format(
      "# Made by `karapace quick`; copy it to keep it.\nmanifest_version = 1\n\n[base]\nimage = \"{}\"\n\n[system]\n"
      "packages = [{}]\n",
      wanted.base, fmt::join(quoted, ", "));
}

/// For people who see it in lists: "git-hello-1f0c9d2a6b3e".
std::string name_for(const Wanted& wanted, const std::string& text) {
  auto name = fmt::format("{}", fmt::join(wanted.packages, "-"));
  if (name.empty()) name = wanted.base.substr(wanted.base.find('/') + 1);
  return fmt::format("{}-{}", project::name_from(name.substr(0, 40)), blake3(text).hex().substr(0, 12));
}

/// The directory with its manifest.
fs::path make_project(const Context& context, const Wanted& wanted) {
  const auto text = manifest_text(wanted);
  const auto directory = machine_paths(context).cache / "quick" / name_for(wanted, text);
  const auto manifest = directory / "karapace.toml";
  const auto found = read_file_if_exists(manifest);
  if (found == text) return directory;
  if (found)
    throw Error(fmt::format("quick: {} was changed by hand: copy it to a directory of its own, and remove this one",
                            escaped_utf8(manifest.native())));
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw Error(fmt::format("quick: cannot make {}: {}", escaped_utf8(directory.native()), error.message()));
  write_file_atomically(manifest, text, Durable::no);
  return directory;
}

/// Whether it is built from what manifest and lock are now: then nobody need be asked.
bool is_ready(const Context& context, const fs::path& directory) {
  const auto store = store_if_exists(context);
  if (!store) return false;
  const auto manifest = directory / "karapace.toml";
  const auto root = store::find_root(*store, manifest, store::RootSteps::left_out);
  return root && modified_ns(manifest) == root->manifest_mtime_ns &&
         modified_ns(lock::lock_path(manifest)) == root->lock_mtime_ns &&
         store::find_environment(*store, root->environment);
}

int build(const Context& context, const Arguments& arguments, const fs::path& directory) {
  GenerateArguments generate;
  generate.manifests = {directory.native()};
  if (arguments.upgrade) generate.upgrade.emplace();
  auto request = generate_request(context, generate);
  request.directory = directory / ".karapace/build";
  const auto generated = project::generate(request);
  project::note_regenerated(generated, request.directory);
  report_notes(context, generated);
  return run_building(context, arguments.building, request.directory, BuildOutput::errors);
}

int run(const Context& context, const Arguments& arguments) {
  const auto directory = make_project(context, wanted_from(arguments.words));
  if (arguments.upgrade || !is_ready(context, directory)) {
    if (const int status = build(context, arguments, directory); status != 0) return status;
  }
  auto session = arguments.session;
  session.environment = directory.native();
  return run_session(context, session);
}

}  // namespace

Command quick_command() {
  return make_command<Arguments>(
      {.name = "quick",
       .group = Group::using_,
       .summary = "Make an environment of a few words, and enter it",
       .description = "Writes a manifest with BASE and the PACKAGEs, locks and builds it, and opens a shell in it or\n"
                      "runs COMMAND. Manifest and lock are in ~/.cache/karapace/quick, in a directory named by their\n"
                      "content: the same words are the same environment, with what was changed in it, until\n"
                      "`karapace destroy` forgets it. Of the host it sees nothing that --bind does not name.\n"
                      "Statuses are those of `karapace exec`. With --json only an error is JSON.",
       .examples = {{"karapace quick git curl", "a shell where these are"},
                    {"karapace quick debian/trixie python3 -- python3 -V", "run something of another release"},
                    {"karapace quick g++ --ephemeral --bind . -- g++ -c x.cpp", "with the files that are here"}},
       .error_status = own_failure},
      declare, run);
}

}  // namespace karapace::cli
