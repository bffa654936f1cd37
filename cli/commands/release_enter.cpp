// SPDX-License-Identifier: Apache-2.0
// release enter: a shell in a release's environment, with the release on PATH.
#include "cli/commands.hpp"
#include "cli/release_session.hpp"

namespace karapace::cli {

namespace {

using Arguments = ReleaseSessionArguments;

void declare(Options& options, Arguments& arguments) {
  declare_release_session(options, arguments);
  options.rest("COMMAND", arguments.session.argv, "instead of a shell");
}

}  // namespace

Command release_enter_command() {
  return make_command<Arguments>(
      {.name = "release enter",
       .group = Group::releases,
       .summary = "Open a shell in a release's environment, with the release on PATH",
       .description = std::string("Starts the image's shell, or COMMAND. ") + which_release,
       .examples = {{"karapace release enter", "with what was built"},
                    {"karapace release enter --installed", "with what is installed: stable"},
                    {"karapace release enter -r 1.3 --instance", "a version, where changes stay"}},
       .error_status = own_failure},
      declare, run_release_session);
}

}  // namespace karapace::cli
