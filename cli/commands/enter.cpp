// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/sessions.hpp"

namespace karapace::cli {

namespace {

void declare(Options& options, SessionArguments& arguments) {
  arguments.environment.assign(1, '.');
  options.positional("ENVIRONMENT", arguments.environment,
                     "a name, an id or its beginning, or a path; by default \".\"");
  declare_session_options(options, arguments);
  options.rest("COMMAND", arguments.argv, "instead of a login shell");
}

}  // namespace

Command enter_command() {
  return make_command<SessionArguments>(
      {.name = "enter",
       .group = Group::using_,
       .summary = "Open a shell in an environment",
       .description = "Starts the image's login shell (or COMMAND) on a terminal of its own inside the\n"
                      "environment's instance. What is changed there stays in the instance; the build result is\n"
                      "never touched. Several sessions of one instance share their changes at once. The exit\n"
                      "status is the command's; see `karapace exec --help`.",
       .examples = {{"karapace enter", "the environment of the manifest here"},
                    {"karapace enter hello -- python3", "an interactive program"},
                    {"karapace enter --ephemeral", "to try something that shall leave nothing"}},
       .error_status = own_failure},
      declare, run_session);
}

}  // namespace karapace::cli
