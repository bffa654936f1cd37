// SPDX-License-Identifier: Apache-2.0
// What `gen` and `build` say about the graph they wrote.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "generator/project/generate.hpp"

namespace karapace::cli {

/// One line: "214 steps for hello 3f9c21d0a4be (karapace.lock created)".
std::string generated_summary(const project::Generated& generated);
/// The fields of "karapace.gen" and "karapace.build".
nlohmann::json generated_json(const project::Generated& generated, const std::filesystem::path& directory);
/// What the resolver noticed, as warnings.
void report_notes(const Context& context, const project::Generated& generated);

}  // namespace karapace::cli
