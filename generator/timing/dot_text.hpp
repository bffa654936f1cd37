// SPDX-License-Identifier: Apache-2.0
// Pictures for Graphviz: a graph, folded (overview.hpp) or whole, as DOT text that `dot` turns into SVG.
//
// All text stands in HTML-like labels, escaped, so that no name can be taken for markup. The picture has a white
// background of its own: it can be read in pages of any colour.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "generator/timing/measured_graph.hpp"
#include "generator/timing/overview.hpp"

namespace karapace::timing {

std::string overview_dot(const MeasuredGraph& measured, const Overview& overview);
/// Every edge a node of its own.
std::string full_dot(const MeasuredGraph& measured);

// A measured graph as one JSON document, "karapace.graph-show" of docs/json.md. A step stands on
// a line of its own.

std::string graph_json(const MeasuredGraph& measured);

/// The last build as a trace in Chrome's Trace Event Format, which Perfetto and Chrome open.
///
/// Every command is a complete event ("X"). The log does not tell which of Ninja's slots ran it: commands that overlap
/// get rows of their own, as few as possible. Arrows (flow events) lead along the chain of steps that the end of the
/// build waited for: from each step to the input of it that ended last.
struct Span {
  Milliseconds start{};
  Milliseconds end{};
};
/// Of each span its row, from 0: no two in a row overlap, and there are no more rows than spans at any one moment.
std::vector<std::size_t> rows_of(std::span<const Span> spans);

/// First to last; empty when no step ran.
std::vector<EdgeIndex> waited_for(const MeasuredGraph& measured);

/// `name`: of the whole, for people. Without a last build a trace of nothing.
std::string trace_text(const MeasuredGraph& measured, std::string_view name);

}  // namespace karapace::timing
