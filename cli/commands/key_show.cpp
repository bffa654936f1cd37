// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string name;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("NAME", arguments.name, "a key's name, or the path of a .pub file", Options::Presence::required);
}

int run(const Context& context, const Arguments& arguments) {
  const auto key = signing::find_public_key_file(keys_directory(), arguments.name);
  if (context.json)
    print_key_document(context, key);
  else
    context.print(fmt::format("{}\n", text(key.key)));
  return 0;
}

}  // namespace

Command key_show_command() {
  return make_command<Arguments>(
      {.name = "key show",
       .group = Group::sharing,
       .summary = "Print a public key as the line to give away",
       .description = "Prints the public key as one line of text, as others write it into their list of\n"
                      "trusted keys.",
       .examples = {{"karapace key show ci", "the line for everybody who is to believe the CI"}}},
      declare, run);
}

}  // namespace karapace::cli
