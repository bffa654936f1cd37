// SPDX-License-Identifier: Apache-2.0
// man-pages: the manual, for man(1).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"

namespace karapace::cli {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string directory = "man";
};

void declare(Options& options, Arguments& arguments) {
  options.positional("DIRECTORY", arguments.directory, "where they go, made when missing (default: man)");
}

int run(const Context& context, const Arguments& arguments) {
  const fs::path directory = arguments.directory;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw Error(fmt::format("man-pages: cannot make {}: {}", directory.native(), error.message()));
  auto pages = nlohmann::json::array();
  auto write = [&](const std::string& name, const std::string& text) {
    const auto path = directory / (name + ".1");
    write_file_atomically(path, text, Durable::no);
    pages.push_back(path_json(path));
  };
  write("karapace", program_page());
  for (const auto& entry : command_table()) write(page_name(entry.name), command_page(entry.make()));
  if (context.json) {
    context.print_json("karapace.man-pages", {{"page_files", pages}});
  } else {
    context.print(fmt::format("{} pages written into {}; to read one: man -l {}\n", pages.size(), directory.native(),
                              (directory / "karapace.1").native()));
  }
  return 0;
}

}  // namespace

Command man_pages_command() {
  return make_command<Arguments>(
      {.name = "man-pages",
       .group = Group::understanding,
       .summary = "Write the manual's pages for man",
       .description = "Writes karapace.1 and a page for each command, karapace-COMMAND.1, into DIRECTORY. A directory\n"
                      "whose path ends in man1 and whose parent is in man's path serves `man karapace`.",
       .examples = {{"karapace man-pages ~/.local/share/man/man1", "for `man karapace`"}}},
      declare, run);
}

}  // namespace karapace::cli
