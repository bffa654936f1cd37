// SPDX-License-Identifier: Apache-2.0
// Documents: what several of the documents have in common that --json prints.
//
// One name means one thing in all of them; docs/json.md says which, docs/schemas/ holds the schema of each, and
// tests/json compares both with what the commands print. A field that is added there is added in the schema, too; one
// that changes its meaning makes a new version of its document (Context::print_json).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "store/step.hpp"

namespace karapace::cli {

/// An absolute path; of bytes that are no UTF-8 as base/escape.hpp has it.
nlohmann::json path_json(const std::filesystem::path& path);
nlohmann::json path_json(const std::optional<std::filesystem::path>& path);

/// What a step made: {"kind": "layer", "layer": "<id>"}; null for nothing.
nlohmann::json output_json(const std::optional<StepOutput>& output);
/// The same for people: "layer <id>"; "nothing".
std::string output_text(const std::optional<StepOutput>& output);

/// Of a command that wrote `file` as it was asked to: "karapace.output".
void print_output_document(const Context& context, const std::filesystem::path& file);

}  // namespace karapace::cli
