// SPDX-License-Identifier: Apache-2.0
// A measured graph as one JSON document, "karapace.graph-show" of docs/json.md. A step stands on
// a line of its own.
#pragma once

#include <string>

#include "generator/timing/measured_graph.hpp"

namespace karapace::generator {

std::string graph_json(const MeasuredGraph& measured);

}  // namespace karapace::generator
