// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/instance_report.hpp"
#include "runtime/sandbox/stopping.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::string instance;
  std::uint64_t seconds = 10;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("ENVIRONMENT", arguments.instance, "a name, an id or its beginning, or a path like \".\"",
                     Options::Presence::required);
  options.value("-t,--time", "SECONDS", arguments.seconds, "how long commands may take to end (default: 10)");
}

std::string sentence(const sandbox::Stopped& stopped, const std::string& name) {
  if (stopped.sessions == 0) return fmt::format("no session was running in {}", escaped_utf8(name));
  auto text = fmt::format("stopped {} in {}", counted(stopped.sessions, "session"), escaped_utf8(name));
  if (stopped.killed > 0) text += fmt::format(", {} of them killed", stopped.killed);
  return text;
}

int run(const Context& context, const Arguments& arguments) {
  const auto store = context.open_store(store::Store::Access::update);
  const auto wanted = wanted_instance(store, arguments.instance);
  const std::chrono::seconds grace(std::min<std::uint64_t>(arguments.seconds, 24 * 60 * 60));
  const auto stopped =
      sandbox::stop_sessions(wanted.instance, grace, [&](const std::string& message) { context.warn(message); });
  if (context.json) {
    auto json = instance_json(wanted.instance);
    json["killed_count"] = stopped.killed;
    json["session_count"] = stopped.sessions;
    context.print_json("karapace.stop", std::move(json));
  } else {
    context.print(sentence(stopped, wanted.name) + "\n");
  }
  return 0;
}

}  // namespace

Command stop_command() {
  return make_command<Arguments>(
      {.name = "stop",
       .group = Group::using_,
       .summary = "End all sessions of an instance",
       .description =
           "Sends SIGTERM to the commands of all sessions, kills what has not ended after some seconds, with\n"
           "every process that they started, and returns when nothing of them is left and nothing is mounted.",
       .examples = {{"karapace stop .", "of the environment of the manifest here"},
                    {"karapace stop --time 0 hello", "at once"}}},
      declare, run);
}

}  // namespace karapace::cli
