// SPDX-License-Identifier: Apache-2.0
// Diff reports: a GraphDiff for people, for pull requests, and for machines (docs/graphs.md).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "generator/graph/diff/graph_diff.hpp"

namespace karapace::diff {

enum class Emphasis { strong, faint, added, removed, changed };
/// Shows text on the terminal with this emphasis.
using Paint = std::function<std::string(Emphasis, std::string_view)>;

enum class Detail {
  causes,  // long lists of packages are cut
  steps,   // nothing is cut, and every step that differs is listed
};

/// Lines for a terminal.
std::string diff_text(const GraphDiff& diff, const Paint& paint, Detail detail);
/// A comment for a pull request: a headline, a table of causes, and the steps folded away. Stays below the 65,536
/// characters that GitHub takes: what is left out is counted.
std::string diff_markdown(const GraphDiff& diff);
/// The fields of "karapace.graph-diff" (docs/json.md).
nlohmann::json diff_json(const GraphDiff& diff);
/// {"name": ..., "before": ..., "after": ...}: versions, or null.
nlohmann::json package_change_json(const PackageChange& change);

}  // namespace karapace::diff
