// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/escape.hpp"
#include "cli/commands.hpp"
#include "cli/key_report.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string name;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("NAME", arguments.name, "what the key is called", Options::Presence::required);
}

int run(const Context& context, const Arguments& arguments) {
  const auto made = signing::make_key(keys_directory(), arguments.name);
  const auto& key = made.public_key;
  if (context.json) {
    print_key_document(context, {.key = key, .has_secret = true, .file = made.public_file});
    return 0;
  }
  context.print(fmt::format("{} {}\n", context.styled(Style::bold, key.name), key.key.id().hex()));
  context.print(fmt::format("  secret: {} (yours alone: keep a copy where nobody else reads it)\n",
                            escaped_utf8(made.secret_file.native())));
  context.print(
      fmt::format("  public: {} (give it to whoever is to believe you)\n", escaped_utf8(made.public_file.native())));
  context.print(fmt::format("{}\n", text(key)));
  return 0;
}

}  // namespace

Command key_new_command() {
  return make_command<Arguments>(
      {.name = "key new",
       .group = Group::sharing,
       .summary = "Make a key that signs what is built here",
       .description = "Makes an Ed25519 key: NAME.key, which signs and is readable by nobody else, and\n"
                      "NAME.pub, one line of text for everybody, in ~/.config/karapace/keys. A key of\n"
                      "that name is never overwritten.",
       .examples = {{"karapace key new ci", "a key for a CI's builds"}}},
      declare, run);
}

}  // namespace karapace::cli
