// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/sessions.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment = ".";
  std::vector<std::string> command;
  bool writable_manifest = false;
  bool explain = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment,
                     "a name, an id or its beginning, or a path; by default \".\"");
  options.flag("--writable-manifest", arguments.writable_manifest, "let the session change the manifest and its lock");
  options.flag("--explain", arguments.explain, "say what of the host it would see and what keeps it from the rest; start nothing");
  options.rest("COMMAND", arguments.command, "instead of a login shell");
}

int run(const Context& context, const Arguments& arguments) {
  return run_session(context, {.environment = arguments.environment,
                               .argv = arguments.command,
                               .terminal = fitting_terminal(),
                               .writable_manifest = arguments.writable_manifest,
                               .explain = arguments.explain});
}

}  // namespace

Command enter_command() {
  return make_command<Arguments>(
      {.name = "enter",
       .group = Group::using_,
       .summary = "Open a shell in an environment",
       .description = "Starts the image's login shell (or COMMAND) on a terminal of its own inside the\n"
                      "environment's instance. What is changed there stays in the instance; the build result is\n"
                      "never touched. Several sessions of one instance share their changes at once. The exit\n"
                      "status is the command's.",
       .examples = {{"karapace enter", "the environment of the manifest here"},
                    {"karapace enter hello -- python3", "an interactive program"}}},
      declare, run);
}

}  // namespace karapace::cli
