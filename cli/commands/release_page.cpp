// SPDX-License-Identifier: Apache-2.0
// release page: a destination for browsers.
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"
#include "cli/store_access.hpp"
#include "store/tree_walk.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  DestinationArguments destination;
  std::string directory;
};

void declare(Options& options, Arguments& arguments) {
  options.value("-o,--output", "DIR", arguments.directory, "where the page goes: index.html, and logs/");
  declare_destination(options, arguments.destination);
}

/// The keys of builds whose logs this machine's store has, by the digits that entries begin with.
std::map<std::string, StepKey> logged_keys(const store::Store& store) {
  constexpr std::size_t digits = 32;
  std::map<std::string, StepKey> keys;
  for (const auto& name : names_in(store.root() / "logs"))
    if (const auto key = StepKey::from_hex(name)) keys.emplace(name.substr(0, digits), *key);
  return keys;
}

/// Whether the step built what the entry is: a destination may be anybody's, and name any key.
bool built(const store::Store& store, const StepKey& key, const std::string& entry) {
  const auto record = store.record(key);
  if (!record || record->step.kind != StepKind::compile) return false;
  const auto name = record->step.parameter("name"), version = record->step.parameter("version");
  return name && version && store::release_entry_name(key, *name, *version) == entry;
}

/// Never through a link.
Fd open_logs(const std::filesystem::path& directory) {
  const auto page = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  ::mkdirat(page.get(), "logs", 0755);
  auto logs = store::open_beneath(page.get(), "logs", O_RDONLY | O_DIRECTORY);
  if (!logs)
    throw Error(errno_message(fmt::format("release page: \"{}\" must be a directory and no link",
                                          escaped_utf8((directory / "logs").native())),
                              errno));
  return logs;
}

/// Copies what builds of packages said that versions name, as far as this machine's store has it.
release::LogPlaces copy_logs(const Context& context, const release::Destination& destination,
                             const std::filesystem::path& directory) {
  release::LogPlaces places;
  const auto store = store_if_exists(context);
  if (!store) return places;
  const auto keys = logged_keys(*store);
  Fd logs;
  for (const auto& version : destination.versions()) {
    for (const auto& package : destination.document(version).packages) {
      const auto key = keys.find(package.entry.substr(0, package.entry.find('-')));
      if (key == keys.end() || places.contains(package.entry) || !built(*store, key->second, package.entry)) continue;
      if (!logs) logs = open_logs(directory);
      const auto place = "logs/" + package.entry + ".txt";
      write_file_in(logs.get(), directory / place, read_end_of_file(store->root() / "logs" / key->second.hex()));
      places.emplace(package.entry, place);
    }
  }
  return places;
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.directory.empty()) throw UsageError("release page: name the page's directory with -o DIR");
  const auto destination = find_destination(arguments.destination);
  const auto directory = std::filesystem::absolute(arguments.directory).lexically_normal();
  std::filesystem::create_directories(directory);
  const auto logs = copy_logs(context, destination, directory);
  const auto page = directory / "index.html";
  write_file_atomically(page, release::destination_page(destination, logs), Durable::no);
  if (context.json) {
    context.print_json("karapace.release-page", {{"log_count", logs.size()}, {"page_file", path_json(page)}});
    return 0;
  }
  context.print(fmt::format("wrote {}\n", escaped_utf8(page.native())));
  return 0;
}

}  // namespace

Command release_page_command() {
  return make_command<Arguments>(
      {.name = "release page",
       .group = Group::releases,
       .summary = "Write a page about what is installed",
       .description =
           "One HTML file without scripts: versions, their links, dates, sizes and packages, and what builds\n"
           "said, as far as this machine's store has it.",
       .examples = {{"karapace release page -o public", "public/index.html, for any web server"}}},
      declare, run);
}

}  // namespace karapace::cli
