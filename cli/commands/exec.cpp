// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/sessions.hpp"

namespace karapace::cli {

namespace {

void declare(Options& options, SessionArguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  declare_session_options(options, arguments);
  options.rest("COMMAND", arguments.argv, "the command and its arguments");
}

int run(const Context& context, const SessionArguments& arguments) {
  if (arguments.argv.empty() && !arguments.explain)
    throw UsageError("exec: COMMAND is missing: what shall run?" + hint_for_command({arguments.environment}));
  return run_session(context, arguments);
}

}  // namespace

Command exec_command() {
  return make_command<SessionArguments>(
      {.name = "exec",
       .group = Group::using_,
       .summary = "Run a command in an environment",
       .description = "Runs COMMAND in the environment's instance, with the project's directory at its own path.\n"
                      "Standard input, output and error are the caller's (a terminal of its own, relayed, when\n"
                      "input and output are a terminal), and the exit status is the command's: 128 + N when\n"
                      "signal N killed it, 127 when it does not exist, 126 when it can not be executed. 125: Karapace\n"
                      "itself failed, and said why. With --json only an error is JSON.",
       .examples = {{"karapace exec . -- git --version", "in the environment of the manifest here"},
                    {"karapace exec hello make", "in the environment named hello"},
                    {"karapace exec --explain .", "what a command would see of this machine"},
                    {"karapace exec --env CI --env V=1 . -- make", "with the caller's CI, if set, and V=1"},
                    {"karapace exec --ephemeral --bind /srv/data . -- ./report", "leave nothing behind but its files"}},
       .error_status = own_failure},
      declare, run);
}

}  // namespace karapace::cli
