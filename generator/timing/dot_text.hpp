// SPDX-License-Identifier: Apache-2.0
// Pictures for Graphviz: a graph, folded (overview.hpp) or whole, as DOT text that `dot` turns into SVG.
//
// All text stands in HTML-like labels, escaped, so that no name can be taken for markup. The picture has a white
// background of its own: it can be read in pages of any colour.
#pragma once

#include <string>

#include "generator/timing/overview.hpp"

namespace karapace::generator {

std::string overview_dot(const MeasuredGraph& measured, const Overview& overview);
/// Every edge a node of its own.
std::string full_dot(const MeasuredGraph& measured);

}  // namespace karapace::generator
