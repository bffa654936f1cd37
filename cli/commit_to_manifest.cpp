// SPDX-License-Identifier: Apache-2.0
#include "cli/commit_to_manifest.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/sibling_programs.hpp"
#include "base/words.hpp"
#include "cli/document.hpp"
#include "cli/instance_report.hpp"
#include "generator/lock/environment_lock.hpp"
#include "generator/manifest/layer_entry.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/project/project.hpp"
#include "store/environment.hpp"
#include "store/instance.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* layers_name = "layers";
constexpr std::size_t most_told = 10;

/// As much of what karapace-pack says as fits into a message.
std::string reason(const Captured& made) {
  auto why = std::string(trimmed(made.errors));
  constexpr std::string_view prefix = "karapace-pack: error: ";
  if (why.starts_with(prefix)) why.erase(0, prefix.size());
  return why.empty() ? fmt::format("karapace-pack ended with status {}", made.status) : why;
}

nlohmann::json pack(const store::Store& store, const store::Instance& instance, const fs::path& archive) {
  const auto made = capture_child(
      {.argv = {find_program("karapace-pack"), store.root(), instance.id, archive}, .working_directory = {}});
  if (made.status != 0) throw Error(reason(made));
  return nlohmann::json::parse(made.output);
}

/// `layers/` beside the manifest. What runs in sessions may write to the project: a link is not followed.
Fd open_layers(const fs::path& project) {
  const auto directory = open_at(AT_FDCWD, project, O_RDONLY | O_DIRECTORY);
  if (::mkdirat(directory.get(), layers_name, 0755) != 0 && errno != EEXIST)
    throw Error(
        errno_message(fmt::format("commit: cannot make {}", escaped_utf8((project / layers_name).native())), errno));
  return open_at(directory.get(), layers_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

bool is_taken(int layers, const manifest::Manifest& manifest, const std::string& name) {
  const auto path = fmt::format("{}/{}", layers_name, name);
  const auto is_it = [&](const manifest::LayerRequest& layer) { return layer.archive == path; };
  return ::faccessat(layers, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
         std::any_of(manifest.layers.begin(), manifest.layers.end(), is_it);
}

std::string free_name(int layers, const manifest::Manifest& manifest, const std::string& name) {
  for (std::size_t number = 1;; ++number)
    if (auto found = fmt::format("{}-{}.tar.zst", name, number); !is_taken(layers, manifest, found)) return found;
}

/// A file that appears whole under a name that nothing has.
void copy_durably(const fs::path& from, int directory, const std::string& name) {
  const auto source = open_at(AT_FDCWD, from, O_RDONLY | O_NOFOLLOW);
  const auto partial = "." + name + ".partial";
  ::unlinkat(directory, partial.c_str(), 0);
  const auto target = open_at(directory, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  try {
    std::string buffer(1 << 20, '\0');
    for (;;) {
      const auto count = ::read(source.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw StoreError(errno_message("commit: cannot read the archive", errno));
      if (count == 0) break;
      write_all(target.get(), {buffer.data(), static_cast<std::size_t>(count)}, "commit: " + name);
    }
    const bool is_there = ::fsync(target.get()) == 0 &&
                          ::renameat2(directory, partial.c_str(), directory, name.c_str(), RENAME_NOREPLACE) == 0 &&
                          ::fsync(directory) == 0;
    if (!is_there) throw StoreError(errno_message(fmt::format("commit: cannot write {}", name), errno));
  } catch (...) {
    ::unlinkat(directory, partial.c_str(), 0);
    throw;
  }
}

struct Written {
  std::string archive;  // relative to the manifest
  std::uint64_t size = 0;
  bool is_new = true;  // else the manifest names the same changes already
};

/// The kernel takes the cover from a file that is replaced: a session that shows the manifest could write to it then.
/// It holds the file shared, and one that begins meanwhile waits.
Fd hold_against_sessions(const fs::path& manifest) {
  auto file = open_at(AT_FDCWD, manifest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  throw Error(
      fmt::format("commit: a session runs that shows the manifest {}, and could write to it once it is replaced: end "
                  "the session first (`karapace list` shows what runs)",
                  escaped_utf8(manifest.native())));
}

Digest digest_of(int directory, const std::string& path) {
  const auto file = open_at(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return blake3_of_file(file.get(), "commit: " + path);
}

/// Layers that the manifest names and the instance's environment has not: it was not built since they were added.
std::vector<std::string> layers_to_come(const store::Store& store, const store::Instance& instance,
                                        const manifest::Manifest& manifest) {
  std::set<std::string> locked;
  if (const auto environment = store::find_environment(store, instance.current.environment))
    for (const auto& layer : lock::lock_of(store, *environment).layers) locked.insert(layer.archive);
  std::vector<std::string> others;
  for (const auto& layer : manifest.layers)
    if (!locked.contains(layer.archive)) others.push_back(layer.archive);
  return others;
}

/// The same changes, committed before; archives of the same changes are the same bytes. Error where a layer of others
/// is still to come: what it brings would be written twice.
std::optional<Written> written_before(const project::Project& project, const std::vector<std::string>& to_come,
                                      const fs::path& archive) {
  if (to_come.empty()) return std::nullopt;
  const auto directory = open_at(AT_FDCWD, project.directory(), O_RDONLY | O_DIRECTORY);
  const auto made = digest_of(AT_FDCWD, archive);
  for (const auto& layer : to_come)
    if (::faccessat(directory.get(), layer.c_str(), F_OK, 0) == 0 && digest_of(directory.get(), layer) == made)
      return Written{layer, fs::file_size(archive), false};
  throw Error(
      fmt::format("commit: the instance's environment has not the layer {} yet, which the manifest names: what that "
                  "holds would be written once more; run `karapace build` and a session, or `karapace rebuild "
                  "--keep-changes`, first",
                  escaped_utf8(to_come.back())));
}

/// The archive first: a manifest that names it can be used from its first moment on.
Written write_layer(const project::Project& project, const fs::path& archive, const std::string& title) {
  const auto path = fs::canonical(project.manifest_path);
  const auto held = hold_against_sessions(path);
  const auto layers = open_layers(project.directory());
  const auto name = free_name(layers.get(), project.manifest, project::project_name(project.manifest_path));
  Written written{fmt::format("{}/{}", layers_name, name), fs::file_size(archive)};
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) throw Error(errno_message("commit: " + path.native(), errno));
  const auto text = manifest::with_layer(read_file(path), path.filename().native(), {written.archive, title});
  copy_durably(archive, layers.get(), name);
  try {
    write_file_atomically(path, text, Durable::yes, status.st_mode & 0777);
  } catch (...) {
    ::unlinkat(layers.get(), name.c_str(), 0);
    throw;
  }
  return written;
}

void tell_some(const Context& context, std::string_view what, const nlohmann::json& paths) {
  if (paths.empty()) return;
  std::vector<std::string> shown;
  for (const auto& path : paths) {
    if (shown.size() == most_told) break;
    shown.push_back(path.is_string() ? path.get<std::string>() : path.at("path").get<std::string>());
  }
  const auto more = paths.size() - shown.size();
  context.tell(
      fmt::format("{}: {}{}", what, fmt::join(shown, ", "), more == 0 ? "" : fmt::format(" and {} more", more)));
}

void tell_notes(const Context& context, const nlohmann::json& packed) {
  tell_some(context, "left out, as each instance has its own", packed.at("secrets"));
  tell_some(context, "left out, as nothing can keep sockets", packed.at("sockets"));
  tell_some(context, "in the archive, though not everybody may read them; it is shared with the project",
            packed.at("confined"));
}

std::string file_lines(const nlohmann::json& file) {
  const auto target = file.at("target").get<std::string>();
  auto lines = fmt::format("[[setup.files]]\nsource = \"files{0}\"\ntarget = \"{0}\"\n", target);
  const auto mode = file.at("mode").get<std::string>();
  return mode == "0644" ? lines : fmt::format("{}mode = \"{}\"\n", lines, mode);
}

std::string proposal_text(const nlohmann::json& packed) {
  std::string text;
  const auto& packages = packed.at("packages");
  if (!packages.empty()) text += fmt::format("add to packages in [system]: {}\n", packages.dump(-1, ' ', false));
  for (const auto& file : packed.at("files")) text += file_lines(file);
  if (!packed.at("files").empty()) text += "# the files themselves: karapace export, into files/ beside the manifest\n";
  return text;
}

nlohmann::json proposal_json(const nlohmann::json& packed) {
  return {{"files", packed.at("files")}, {"is_whole", packed.at("whole")}, {"packages", packed.at("packages")}};
}

void print_for_people(const Context& context, const nlohmann::json& packed, const std::optional<Written>& written,
                      const std::string& name) {
  tell_notes(context, packed);
  const auto proposal = proposal_text(packed);
  if (packed.at("changes") == 0) return context.print(fmt::format("nothing changed in {}\n", escaped_utf8(name)));
  if (!written) {
    return context.print(
        fmt::format("the manifest can say all of it; nothing was written:\n{}"
                    "with --as-layer the changes are written as an archive nevertheless\n",
                    proposal));
  }
  context.print(fmt::format("{} ({}) is a layer of the manifest {}: `karapace build` locks and builds it\n",
                            escaped_utf8(written->archive), size_text(written->size),
                            written->is_new ? "now" : "already"));
  if (!proposal.empty()) context.print("what the manifest could say itself:\n" + proposal);
}

std::string require_title(const std::string& title) {
  const auto text = std::string(trimmed(title));
  if (auto complaint = manifest::judge_line(text))
    throw UsageError(fmt::format("commit: with --to-manifest the message is a layer's title, one line: \"{}\" {}",
                                 escaped_utf8(text), *complaint));
  return text;
}

}  // namespace

int commit_to_manifest(const Context& context, const store::Store& store, const CommitToManifest& wanted) {
  const auto title = require_title(wanted.title);
  const auto found = wanted_instance(store, wanted.environment);
  if (!found.instance.manifest)
    throw UsageError(fmt::format("commit: {} belongs to no manifest: commit it as a snapshot, without --to-manifest",
                                 escaped_utf8(found.name)));
  if (store::instance_in_use(found.instance))
    throw Error(fmt::format("commit: a session runs in {}: end it first (karapace stop {})", escaped_utf8(found.name),
                            escaped_utf8(found.name)));
  const auto project = project::open_project(*found.instance.manifest, "/");
  const auto staging = store.stage();
  const auto archive = staging.path() / "archive";
  const auto packed = pack(store, found.instance, archive);
  const bool is_said = packed.at("whole").get<bool>() && !wanted.as_layer;
  std::optional<Written> written;
  if (packed.at("changes") > 0 && !is_said) {
    written = written_before(project, layers_to_come(store, found.instance, project.manifest), archive);
    if (!written) written = write_layer(project, archive, title);
  }
  if (!context.json) {
    print_for_people(context, packed, written, found.name);
    return 0;
  }
  context.print_json("karapace.commit-to-manifest",
                     {{"archive", written ? nlohmann::json(written->archive) : nlohmann::json()},
                      {"changes", packed.at("changes")},
                      {"confined", packed.at("confined")},
                      {"instance", found.instance.id},
                      {"is_new", written && written->is_new},
                      {"left_out", packed.at("sockets")},
                      {"manifest", path_json(project.manifest_path)},
                      {"proposal", proposal_json(packed)},
                      {"secrets", packed.at("secrets")},
                      {"size_bytes", written ? written->size : 0}});
  return 0;
}

}  // namespace karapace::cli
