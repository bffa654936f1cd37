// SPDX-License-Identifier: Apache-2.0
// What `exec --explain` and `enter --explain` print.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

#include "cli/context.hpp"
#include "runtime/sandbox/session_plan.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {

/// Who decided what a variable of the command is.
enum class VariableSource { karapace, caller, option, manifest };

struct SessionSetting {
  EnvironmentId environment;
  std::map<std::string, VariableSource> variables;  // all that the command gets
  std::optional<pid_t> running;                     // process 1 of a session in the same instance
  bool can_join = true;                             // else this one would be refused while that one runs
};

/// Text for people, or with --json one document ("karapace.session" of docs/json.md).
void print_explanation(const Context& context, const sandbox::SessionRequest& request,
                       const sandbox::PlannedSession& planned, const SessionSetting& setting);

}  // namespace karapace::cli
