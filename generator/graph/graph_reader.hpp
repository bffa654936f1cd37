// SPDX-License-Identifier: Apache-2.0
// GraphReader: a build.ninja of ours, read back into the graph that it was written from.
//
// The file alone is enough: neither .karapace/ beside it nor a store is looked at. It is not a reader of Ninja files:
// what `ninja_text` does not write is refused, so that a graph changed by hand never passes for one of ours. The only
// exceptions are the rules, which say how steps are started and not which: those are skipped.
#pragma once

#include <string_view>

#include "generator/graph/graph.hpp"

namespace karapace::graph {

/// read_graph(ninja_text(graph), name) == graph. Every key is computed again. GraphError that begins with "name:line: "
/// when the text is no graph, names an input that it does not declare before, or has a key that is not its step's.
Graph read_graph(std::string_view text, std::string_view name);

}  // namespace karapace::graph
