// SPDX-License-Identifier: Apache-2.0
// release export: a version as an archive.
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/words.hpp"
#include "base/written_file.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"
#include "release/unfinished.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::string version;
  std::string output;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("VERSION", arguments.version, "a version or a link", Options::Presence::required);
  options.value("-o,--output", "FILE", arguments.output, "the archive, NAME.tar; - is standard output");
  declare_destination(options, arguments.destination);
}

release::ArchivedVersion write_to(int fd, const release::Destination& destination, const std::string& version,
                                  const std::filesystem::path& name) {
  return release::archive_version(destination, version,
                                  [&](std::string_view bytes) { write_all(fd, bytes, escaped_utf8(name.native())); });
}

/// Unfinished it has a hidden name beside. A device or a pipe is written to, never replaced; of a link what it leads
/// to.
release::ArchivedVersion write(const release::Destination& destination, const std::string& version,
                               const std::filesystem::path& named) {
  const auto file = written_file(named);
  std::error_code error;
  if (std::filesystem::is_directory(file, error))
    throw Error(fmt::format("release export: \"{}\" is a directory; name a file in it", escaped_utf8(file.native())));
  if (std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error))
    return write_to(open_at(AT_FDCWD, file, O_WRONLY).get(), destination, version, file);
  const auto unfinished = file.parent_path() / release::unfinished_name();
  try {
    const auto fd = open_at(AT_FDCWD, unfinished, O_WRONLY | O_CREAT | O_EXCL, 0644);
    const auto archived = write_to(fd.get(), destination, version, file);
    std::filesystem::rename(unfinished, file);
    return archived;
  } catch (...) {
    std::filesystem::remove(unfinished, error);
    throw;
  }
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.output.empty()) throw UsageError("release export: name the archive with -o NAME.tar");
  const bool to_output = arguments.output == "-";
  if (to_output && context.json)
    throw UsageError("release export: --json and the archive would both go to standard output: write -o NAME.tar");
  const auto destination = find_destination(arguments.destination);
  const auto version = destination.resolve(arguments.version);
  if (to_output) {
    write_to(STDOUT_FILENO, destination, version, "standard output");
    return 0;
  }
  const auto file = std::filesystem::absolute(arguments.output).lexically_normal();
  const auto archived = write(destination, version, file);
  if (context.json) {
    context.print_json("karapace.release-export", {{"archive_file", path_json(file)},
                                                   {"file_count", archived.files},
                                                   {"size_bytes", archived.bytes},
                                                   {"release_version", version}});
    return 0;
  }
  context.print(fmt::format("{} ({}, {}) in {}\n", version, counted(archived.files, "file"), size_text(archived.bytes),
                            escaped_utf8(file.native())));
  return 0;
}

}  // namespace

Command release_export_command() {
  return make_command<Arguments>(
      {.name = "release export",
       .group = Group::sharing,
       .summary = "Write an installed version into an archive",
       .description =
           "A tar archive with the version, its packages, the launcher and links, under the path that it was built\n"
           "for: unpacked with `tar -C / -xf`, it is a destination with this version alone, which is stable and\n"
           "latest there; directories above it stay as they are. The same version always gives the same bytes. Every "
           "file\n"
           "is hashed on the way.",
       .examples = {{"karapace release export stable -o solver.tar", "for a machine without a network"},
                    {"karapace release export stable -o - | zstd >solver.tar.zst", "compressed"}}},
      declare, run);
}

}  // namespace karapace::cli
