// SPDX-License-Identifier: Apache-2.0
// How the reports of graph diffs look on this terminal.
#pragma once

#include "cli/context.hpp"
#include "generator/graph/diff/diff_report.hpp"

namespace karapace::cli {

/// `context` must live longer.
diff::Paint diff_paint(const Context& context);

}  // namespace karapace::cli
