// SPDX-License-Identifier: Apache-2.0
// How what `reproduce` found is told.
#pragma once

#include "cli/context.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/reproduction.hpp"

namespace karapace::cli {

/// Results on standard output, for people or as JSON.
void report(const Context& context, const proof::RecordedGraph& graph, const proof::Reproduction& reproduction);

}  // namespace karapace::cli
