// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/sessions.hpp"
#include "cli/store_access.hpp"
#include "runtime/sandbox/debug_state.hpp"
#include "store/staging.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string step;
  std::vector<std::string> command;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("STEP", arguments.step, "the beginning of the failed step's key", Options::Presence::required);
  options.rest("COMMAND", arguments.command, "instead of a shell");
}

std::filesystem::path make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0)
    throw StoreError(errno_message(fmt::format("cannot make \"{}\"", path.string()), errno));
  return path;
}

/// The failed step's own sandbox with a scratch layer on top, so that looking around changes nothing.
sandbox::SandboxPlan debug_plan(const sandbox::DebugState& state, const store::Staging& staging,
                                const Arguments& arguments, sandbox::IdMode mode) {
  sandbox::SandboxPlan plan;
  plan.lowers = state.lowers;
  plan.upper = make_directory(staging.path() / "upper");
  plan.work = make_directory(staging.path() / "work");
  plan.fresh_upper = true;
  plan.binds = state.binds;
  plan.hostname = state.hostname;
  plan.terminal = fitting_terminal();
  plan.id_mode = mode;
  auto command = state.failed;
  command.argv = arguments.command;
  if (command.argv.empty()) command.argv = {image_shell(state.lowers)};
  if (const char* terminal = std::getenv("TERM")) command.variables["TERM"] = terminal;
  plan.commands.push_back(std::move(command));
  return plan;
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto state = sandbox::find_debug_state(store, arguments.step);
  const auto staging = store.stage();
  const auto in_use = sandbox::use_debug_state(store, state, staging);
  const auto plan = debug_plan(state, staging, arguments, enter_for_trees(store));
  if (!context.json)
    context.warn(fmt::format("this failed in step {}: {}\nwhat you change here is dropped at the end",
                             state.step.short_hex(), fmt::join(state.failed.argv, " ")));
  return report_result(context, sandbox::run(plan));
}

}  // namespace

Command debug_command() {
  return make_command<Arguments>(
      {.name = "debug",
       .group = Group::understanding,
       .summary = "Open a shell where a step failed",
       .description = "A step that fails keeps its root file system as it was at that moment. This opens a shell\n"
                      "in it, with the failed command's variables and the build's sandbox: no network, the same\n"
                      "rules. Changes are dropped at the end, so it can be done again.",
       .examples = {{"karapace debug 3f9c21d0", "the step whose key begins so"}}},
      declare, run);
}

}  // namespace karapace::cli
