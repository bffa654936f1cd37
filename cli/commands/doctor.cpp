// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/health.hpp"

namespace karapace::cli {

namespace {

struct Arguments {};

void declare(Options&, Arguments&) {}

void print_check(const Context& context, const HealthCheck& check) {
  const auto mark = check.status == HealthStatus::ok        ? context.styled(Style::green, "✓")
                    : check.status == HealthStatus::warning ? context.styled(Style::yellow, "!")
                                                            : context.styled(Style::red, "✗");
  context.print(fmt::format("{} {} {}\n", mark, padded(check.name, 9), check.message));
  if (!check.remedy.empty()) context.print(fmt::format("            {}\n", context.styled(Style::dim, check.remedy)));
}

nlohmann::json json_of(const HealthCheck& check) {
  return {{"name", check.name},
          {"status", text(check.status)},
          {"message", check.message},
          {"remedy", check.remedy.empty() ? nlohmann::json() : nlohmann::json(check.remedy)}};
}

int run(const Context& context, const Arguments&) {
  const auto checks = check_health(context);
  const bool healthy = std::none_of(checks.begin(), checks.end(),
                                    [](const HealthCheck& check) { return check.status == HealthStatus::error; });
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const auto& check : checks) list.push_back(json_of(check));
    context.print_json("karapace.doctor", {{"checks", std::move(list)}, {"healthy", healthy}});
  } else {
    for (const auto& check : checks) print_check(context, check);
  }
  return healthy ? 0 : 1;
}

}  // namespace

Command doctor_command() {
  return make_command<Arguments>(
      {.name = "doctor",
       .group = Group::understanding,
       .summary = "Check whether environments can be built and run here",
       .description = "Makes real sandboxes to see what this machine allows, says which id mode is used and why,\n"
                      "and looks for the programs and keys that builds need. Exits with 1 when something that\n"
                      "is needed does not work.",
       .examples = {{"karapace doctor", "✓ works, ! works less well, ✗ does not work"}}},
      declare, run);
}

}  // namespace karapace::cli
