// SPDX-License-Identifier: Apache-2.0
// unbundle: an environment out of a file that `bundle` wrote, on a machine that may have no network.
#include "cli/commands.hpp"
#include "cli/pulling.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string file;
  PullingArguments pulling;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("FILE", arguments.file, "that `karapace bundle` wrote", Options::Presence::required);
  declare_pulling(options, arguments.pulling);
}

int run(const Context& context, const Arguments& arguments) {
  const auto file = std::filesystem::absolute(arguments.file);
  // Without a colon in its name nothing of it is taken for a tag: then the only image of an archive will do.
  const bool is_plain = file.filename().native().find(':') == std::string::npos;
  return pull_environment(context, arguments.pulling, is_plain ? "oci-archive:" + file.native() : bundle_location(file),
                          "unbundle");
}

}  // namespace

Command unbundle_command() {
  return make_command<Arguments>(
      {.name = "unbundle",
       .group = Group::sharing,
       .summary = "Take an environment out of a file",
       .description = "The same as `karapace pull oci-archive:FILE`. For what is to be built on top of it later, its "
                      "packages are\n"
                      "in the file, too: `karapace cache add NAME oci-archive:FILE` has them found there.",
       .examples = {{"karapace unbundle dev.tar --trust team.pub --name dev", "then: karapace enter dev"}}},
      declare, run);
}

}  // namespace karapace::cli
