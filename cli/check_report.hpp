// SPDX-License-Identifier: Apache-2.0
// What `gen --check` says.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "generator/project/graph_check.hpp"

namespace karapace::cli {

/// What does not fit, why, and the way out; one line when everything fits.
std::string check_text(const Context& context, const project::GraphCheck& check);
/// The fields of "karapace.gen-check".
nlohmann::json check_json(const project::GraphCheck& check);
/// Why a lock does not fit: the objects in "differences".
nlohmann::json differences_json(const std::vector<lock::Difference>& differences);

}  // namespace karapace::cli
