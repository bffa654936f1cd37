// SPDX-License-Identifier: Apache-2.0
// What `gen --check` says.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "generator/project/graph_check.hpp"

namespace karapace::cli {

/// What does not fit, why, and the way out; one line when everything fits.
std::string check_text(const Context& context, const generator::GraphCheck& check);
nlohmann::json check_json(const generator::GraphCheck& check);

}  // namespace karapace::cli
