// SPDX-License-Identifier: Apache-2.0
// release exec: a command in a release's environment, with the release on PATH.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/release_session.hpp"

namespace karapace::cli {

namespace {

using Arguments = ReleaseSessionArguments;

void declare(Options& options, Arguments& arguments) {
  declare_release_session(options, arguments);
  options.rest("COMMAND", arguments.session.argv, "the command and its arguments");
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.session.argv.empty() && !arguments.session.explain)
    throw UsageError("release exec: COMMAND is missing: what shall run?");
  return run_release_session(context, arguments);
}

}  // namespace

Command release_exec_command() {
  return make_command<Arguments>(
      {.name = "release exec",
       .group = Group::releases,
       .summary = "Run a command in a release's environment, with the release on PATH",
       .description = std::string(which_release) +
                      "\n\nInput, output and the exit status are the command's; see `karapace exec --help`.",
       .examples = {{"karapace release exec solver --version", "of what was built"},
                    {"karapace release exec --installed -- solver --version", "of what is installed: stable"},
                    {"karapace release exec -r 1.3 -- sh -c 'ldd $(which solver)'", "another version"},
                    {"karapace release exec -d /opt/apps/solver solver", "without its manifest"}},
       .error_status = own_failure},
      declare, run);
}

}  // namespace karapace::cli
