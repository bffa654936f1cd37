// SPDX-License-Identifier: Apache-2.0
// The last build as a trace in Chrome's Trace Event Format, which Perfetto and Chrome open.
//
// Every command is a complete event ("X"). The log does not tell which of Ninja's slots ran it: commands that overlap
// get rows of their own, as few as possible. Arrows (flow events) lead along the chain of steps that the end of the
// build waited for: from each step to the input of it that ended last.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "generator/timing/measured_graph.hpp"

namespace karapace::generator {

struct Span {
  Milliseconds start{};
  Milliseconds end{};
};
/// Of each span its row, from 0: no two in a row overlap, and there are no more rows than spans at any one moment.
std::vector<std::size_t> rows_of(std::span<const Span> spans);

/// First to last; empty when no step ran.
std::vector<std::size_t> waited_for(const MeasuredGraph& measured);

/// `name`: of the whole, for people. Without a last build a trace of nothing.
std::string trace_text(const MeasuredGraph& measured, std::string_view name);

}  // namespace karapace::generator
