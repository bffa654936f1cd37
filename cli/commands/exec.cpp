// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"
#include "cli/sessions.hpp"
#include "store/error.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string environment;
  std::vector<std::string> command;
  std::vector<std::string> binds;
  std::vector<std::string> read_only_binds;
  bool ephemeral = false;
  bool sysroot = false;
  bool writable_manifest = false;
  bool explain = false;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.environment, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.flag("--ephemeral", arguments.ephemeral, "in the environment as it was built; changes are thrown away");
  options.value("--bind", "PATH", arguments.binds, "show a host directory at its own path, writable; may be repeated");
  options.value("--bind-ro", "PATH", arguments.read_only_binds, "the same, read-only");
  options.flag("--sysroot", arguments.sysroot, "show what `karapace toolchain` made at its own path, for compilers");
  options.flag("--writable-manifest", arguments.writable_manifest, "let the command change the manifest and its lock");
  options.flag("--explain", arguments.explain, "say what of the host it would see and what keeps it from the rest; start nothing");
  options.rest("COMMAND", arguments.command, "the command and its arguments");
}

int run(const Context& context, const Arguments& arguments) {
  using runtime::Persistence;
  if (arguments.command.empty() && !arguments.explain) throw UsageError("exec: COMMAND is missing: what shall run?");
  return run_session(context, {.environment = arguments.environment,
                               .argv = arguments.command,
                               .terminal = fitting_terminal(),
                               .persistence = arguments.ephemeral ? Persistence::ephemeral : Persistence::instance,
                               .binds = arguments.binds,
                               .read_only_binds = arguments.read_only_binds,
                               .sysroot = arguments.sysroot,
                               .writable_manifest = arguments.writable_manifest,
                               .explain = arguments.explain});
}

}  // namespace

Command exec_command() {
  return make_command<Arguments>(
      {.name = "exec",
       .group = Group::using_,
       .summary = "Run a command in an environment",
       .description = "Runs COMMAND in the environment's instance, with the project's directory at its own path.\n"
                      "Standard input, output and error are the caller's (a terminal of its own, relayed, when\n"
                      "input and output are a terminal), and the exit status is the\n"
                      "command's: 128 + N when signal N killed it, 127 when it does not exist, 126 when it\n"
                      "can not be executed. With --json only an error is JSON.",
       .examples = {{"karapace exec . -- git --version", "in the environment of the manifest here"},
                    {"karapace exec hello make", "in the environment named hello"},
                    {"karapace exec --explain .", "what a command would see of this machine"},
                    {"karapace exec --ephemeral --bind /srv/data . -- ./report", "leave nothing behind but its files"}}},
      declare, run);
}

}  // namespace karapace::cli
