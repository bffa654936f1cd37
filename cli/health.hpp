// SPDX-License-Identifier: Apache-2.0
// Health: what `karapace doctor` looks at, each check by really doing the thing where that is possible.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/context.hpp"

namespace karapace::cli {

enum class HealthStatus { ok, warning, error };
std::string_view text(HealthStatus status) noexcept;

struct HealthCheck {
  std::string name;  // stable, for JSON
  HealthStatus status = HealthStatus::ok;
  std::string message;  // what was found
  std::string remedy;   // what to do; empty when nothing is to be done
};

/// All checks, in the order in which they are told. Changes nothing that stays.
std::vector<HealthCheck> check_health(const Context& context);

}  // namespace karapace::cli
