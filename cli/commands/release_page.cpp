// SPDX-License-Identifier: Apache-2.0
// release page: a destination for browsers.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/release_report.hpp"
#include "cli/store_access.hpp"

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

/// Copies what builds said, as far as this machine's store has it: logs are named by the keys whose first digits
/// entries begin with.
release::LogPlaces copy_logs(const Context& context, const release::Destination& destination,
                             const std::filesystem::path& directory) {
  constexpr std::size_t digits = 32;
  release::LogPlaces places;
  const auto store = store_if_exists(context);
  if (!store) return places;
  std::map<std::string, std::string> logs;
  for (const auto& name : names_in(store->root() / "logs")) logs.emplace(name.substr(0, digits), name);
  for (const auto& entry : destination.entries()) {
    const auto found = logs.find(entry.substr(0, digits));
    if (found == logs.end()) continue;
    make_directory_if_missing(directory / "logs");
    const auto place = "logs/" + entry + ".txt";
    write_file_atomically(directory / place, read_end_of_file(store->root() / "logs" / found->second), Durable::no);
    places.emplace(entry, place);
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
