// SPDX-License-Identifier: Apache-2.0
// pull: an environment that somebody pushed, as if it had been built here.
#include "cli/commands.hpp"
#include "cli/pulling.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string reference;
  PullingArguments pulling;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("REFERENCE", arguments.reference,
                     "REGISTRY/REPOSITORY:TAG or @DIGEST, oci-layout:DIR, oci-archive:FILE",
                     Options::Presence::required);
  declare_pulling(options, arguments.pulling);
}

int run(const Context& context, const Arguments& arguments) {
  return pull_environment(context, arguments.pulling, arguments.reference, "pull");
}

}  // namespace

Command pull_command() {
  return make_command<Arguments>(
      {.name = "pull",
       .group = Group::sharing,
       .summary = "Take an environment that was pushed to a registry",
       .description =
           "The same environment as where it was pushed: its id, the records of its steps and its layers, byte for\n"
           "byte. It can be entered, changed and reproduced. Nothing is built, and no mirror is asked.\n\n"
           "What the registry says is believed when a trusted key has signed it, for this very image. By default\n"
           "all public keys of `karapace key list` are trusted.",
       .examples = {{"karapace pull registry.example/team/dev:1 --trust team.pub --name dev",
                     "then: karapace enter dev"},
                    {"karapace pull oci-archive:dev.tar --trust team.pub", "from a file"}}},
      declare, run);
}

}  // namespace karapace::cli
