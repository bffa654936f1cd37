// SPDX-License-Identifier: Apache-2.0
// release export: a version as an archive, a file system or an image.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "base/written_file.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/image_output.hpp"
#include "cli/release_report.hpp"
#include "generator/project/project.hpp"
#include "release/unfinished.hpp"
#include "store/listing.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  DestinationArguments destination;
  std::string version;
  std::string output;
  std::string format = "tar";
};

void declare(Options& options, Arguments& arguments) {
  options.positional("VERSION", arguments.version, "a version or a link", Options::Presence::required);
  options.value("-o,--output", "FILE", arguments.output,
                "a new file; of oci also oci-layout:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG]");
  options.value("--format", "FORMAT", arguments.format, "tar (usual), squashfs or oci");
  declare_destination(options, arguments.destination);
}

struct Exported {
  release::ArchivedVersion content;
  nlohmann::json manifest = nullptr;  // of an image: its SHA-256
};

release::ArchivedVersion write_tar(const release::Destination& destination, const std::string& version,
                                   release::ArchiveRoot root, const fs::path& file) {
  const auto fd = open_at(AT_FDCWD, file, O_WRONLY | O_CREAT | O_EXCL, 0644);
  return release::archive_version(destination, version, root, [&](std::string_view bytes) {
    write_all(fd.get(), bytes, escaped_utf8(file.native()));
  });
}

void write_tar_to_output(const release::Destination& destination, const std::string& version) {
  release::archive_version(destination, version, release::ArchiveRoot::machine,
                           [](std::string_view bytes) { write_all(STDOUT_FILENO, bytes, "standard output"); });
}

/// What is written appears whole: unfinished it has a hidden name beside.
template <class Write>
Exported finished(const fs::path& file, const Write& write) {
  const auto unfinished = file.parent_path() / release::unfinished_name();
  try {
    Exported exported{write(unfinished)};
    fs::rename(unfinished, file);
    return exported;
  } catch (...) {
    std::error_code error;
    fs::remove(unfinished, error);
    throw;
  }
}

/// The program reads the archive from its standard input only, and a shell puts it there. Its file systems have the
/// same bytes whatever the machine and the moment; sqfstar (4.5) gives their root the time of day.
void write_squashfs(const fs::path& archive, const fs::path& file) {
  const auto made =
      capture_child({.argv = {"/bin/sh", "-c", "exec tar2sqfs \"$@\" <\"$0\"", archive, "--quiet", "--no-skip",
                              "--compressor", "zstd", "--defaults", "mtime=0,uid=0,gid=0,mode=0755", file}});
  if (made.status == 0) return;
  constexpr int no_such_program = 127;
  if (made.status == no_such_program)
    throw Error(
        "release export: there is no tar2sqfs, which makes file systems: install the package squashfs-tools-ng");
  throw Error(fmt::format("release export: tar2sqfs ended with status {}: {}", made.status,
                          escaped_utf8(trimmed(made.errors))));
}

/// Error when a time is none that squashfs can hold: seconds since 1970 of 32 bits. What has others would not be what
/// its listing says where the file system is mounted.
void require_times(const release::Destination& destination, const std::string& version) {
  const auto judge = [](const std::optional<store::Listing>& listing, const fs::path& place) {
    if (!listing) return;
    for (const auto& entry : listing->entries())
      if (entry.mtime < 0 || entry.mtime > std::numeric_limits<std::uint32_t>::max())
        throw Error(fmt::format(
            "release export: \"{}\" has a time before 1970 or after 2106, which squashfs can not hold: write "
            "a tar archive, or have the build give it another time",
            escaped_utf8((place / entry.path).native())));
  };
  judge(destination.version_listing(version), destination.version(version));
  for (const auto& package : destination.document(version).packages)
    judge(destination.entry_listing(package.entry), destination.entry(package.entry));
}

/// Directories of the archive would take the place of links.
void require_real_directories(const store::Store& store, const store::Environment& environment,
                              const std::string& destination) {
  std::vector<store::Listing> listings;
  for (const auto& layer : environment.layers) listings.push_back(store.listing(layer));
  for (std::size_t end = 0; end != destination.npos;) {
    end = destination.find('/', end + 1);
    const auto above = destination.substr(1, end == destination.npos ? end : end - 1);
    for (auto listing = listings.rbegin(); listing != listings.rend(); ++listing) {
      const auto* entry = listing->find(above);
      if (!entry) continue;
      if (entry->type == store::EntryType::directory || entry->type == store::EntryType::whiteout) break;
      throw Error(
          fmt::format("release export: the destination \"{}\" lies at or behind \"/{}\", which is no directory in the "
                      "environment: an image of both would lose it; choose a destination without links",
                      escaped_utf8(destination), escaped_utf8(above)));
    }
  }
}

Exported write_image(const Context& context, const release::Destination& destination, const std::string& version,
                     const std::string& location) {
  const auto document = destination.document(version);
  if (document.entrypoints.empty()) throw Error("release export: it has no entry point that an image could run");
  const auto store = context.open_store(store::Store::Access::update);
  auto packed = find_built(store, document.environment.hex());
  require_real_directories(store, packed.environment, document.destination);
  packed.name = project::name_from(document.name);
  const auto cache = machine_paths(context).cache;
  fs::create_directories(cache);
  const TemporaryDirectory here("release", cache);
  const auto archive = here.path() / "release.tar";
  Exported exported{write_tar(destination, version, release::ArchiveRoot::machine, archive)};
  const auto program = fmt::format("{}/bin/{}", document.destination, document.entrypoints.front());
  const auto written = write_image_file(context, {}, packed,
                                        {.command = "release export",
                                         .location = location,
                                         .options = image_file_options({}, location),
                                         .release = ReleaseInImage{archive, program}});
  if (written.status != 0) throw Error("release export: interrupted while layers were packed");
  exported.manifest = written.report.at("manifest");
  return exported;
}

Exported write(const Context& context, const release::Destination& destination, const std::string& version,
               const Arguments& arguments, const fs::path& file) {
  if (arguments.format == "oci")
    return write_image(context, destination, version, image_file_location("release export", arguments.output));
  return finished(file, [&](const fs::path& unfinished) {
    if (arguments.format == "tar") return write_tar(destination, version, release::ArchiveRoot::machine, unfinished);
    require_times(destination, version);
    const TemporaryDirectory here("release", file.parent_path());
    const auto archive = here.path() / "release.tar";
    const auto content = write_tar(destination, version, release::ArchiveRoot::destination, archive);
    write_squashfs(archive, unfinished);
    return content;
  });
}

bool has_form(const std::string& output) {
  constexpr std::array<std::string_view, 3> forms{"oci-archive:", "oci-layout:", "docker-archive:"};
  return std::ranges::any_of(forms, [&](std::string_view form) { return output.starts_with(form); });
}

/// FILE of -o, of a link what it leads to. UsageError when it or the format is not understood; Error when something
/// else than a file has its name.
fs::path checked_output(const Arguments& arguments) {
  constexpr std::array<std::string_view, 3> formats{"tar", "squashfs", "oci"};
  if (std::ranges::find(formats, arguments.format) == formats.end())
    throw UsageError(fmt::format("release export: there is no format \"{}\": write tar, squashfs or oci",
                                 escaped_utf8(arguments.format)));
  if (arguments.output.empty()) throw UsageError("release export: name the archive with -o FILE");
  if (arguments.format == "oci" && has_form(arguments.output)) return {};
  const auto file = written_file(fs::absolute(arguments.output).lexically_normal());
  const auto status = fs::status(file);
  if (fs::exists(status) && !fs::is_regular_file(status))
    throw Error(fmt::format("release export: \"{}\" is no file; name another", escaped_utf8(file.native())));
  // Told by this name: what is written has another one until it is whole.
  if (::access(file.parent_path().c_str(), W_OK | X_OK) != 0)
    throw Error(errno_message(fmt::format("release export: cannot write \"{}\"", escaped_utf8(file.native())), errno));
  return file;
}

int run(const Context& context, const Arguments& arguments) {
  const bool to_output = arguments.output == "-" && arguments.format == "tar";
  if (arguments.output == "-" && (!to_output || context.json))
    throw UsageError("release export: standard output takes a tar archive, without --json: write -o FILE");
  const auto file = to_output ? fs::path() : checked_output(arguments);
  const auto destination = find_destination(arguments.destination);
  const auto version = destination.resolve(arguments.version);
  if (to_output) {
    write_tar_to_output(destination, version);
    return 0;
  }
  const auto exported = write(context, destination, version, arguments, file);
  const auto& content = exported.content;
  const auto place = file.empty() ? fs::path(arguments.output) : file;
  if (context.json) {
    context.print_json("karapace.release-export", {{"archive_file", file.empty() ? nlohmann::json() : path_json(file)},
                                                   {"file_count", content.files},
                                                   {"format", arguments.format},
                                                   {"image_manifest", exported.manifest},
                                                   {"location", escaped_utf8(arguments.output)},
                                                   {"size_bytes", content.bytes},
                                                   {"release_version", version}});
    return 0;
  }
  context.print(fmt::format("{} ({}, {}) in {}\n", version, counted(content.files, "file"), size_text(content.bytes),
                            escaped_utf8(place.native())));
  return 0;
}

}  // namespace

Command release_export_command() {
  return make_command<Arguments>(
      {.name = "release export",
       .group = Group::releases,
       .summary = "Write an installed version into an archive, a file system or an image",
       .description =
           "The version, its packages, the launcher and links. It is stable and latest there. The same version always\n"
           "gives the same bytes. Every file is hashed on the way. A file that is there is replaced.\n\n"
           "tar: under the path that it was built for; unpacked with `tar -C / -xf` it is a destination with this\n"
           "version alone, and directories above stay as they are. squashfs: a file system to be mounted at that\n"
           "path; needs squashfs-tools-ng. oci: an image of the environment that it was built in with the release at\n"
           "its path, which runs its first entry point; the environment must be in the store.",
       .examples = {{"karapace release export stable -o solver.tar", "for a machine without a network"},
                    {"karapace release export stable -o - | zstd >solver.tar.zst", "compressed"},
                    {"karapace release export 1.4 --format squashfs -o solver.sqfs",
                     "then: mount -o loop solver.sqfs /opt/apps/solver"},
                    {"karapace release export stable --format oci -o solver-image.tar",
                     "then: podman load -i solver-image.tar"}}},
      declare, run);
}

}  // namespace karapace::cli
