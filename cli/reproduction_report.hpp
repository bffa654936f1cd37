// SPDX-License-Identifier: Apache-2.0
// How what `reproduce` found is told.
#pragma once

#include <string>
#include <string_view>

#include "cli/context.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/reproduction.hpp"

namespace karapace::cli {

/// Results on standard output, for people or as JSON.
void report(const Context& context, const proof::RecordedGraph& graph, const proof::Reproduction& reproduction);

/// What was not looked at, though a project that was named builds it; a line for each. `command`: that looks at it.
std::string left_out_text(const proof::RecordedGraph& graph, std::string_view command);

}  // namespace karapace::cli
