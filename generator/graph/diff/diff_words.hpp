// SPDX-License-Identifier: Apache-2.0
// Diff words: the phrases that the reports for people share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/diff/graph_diff.hpp"

namespace karapace::diff {

/// "a, b and 3 more": at most `most` of them.
std::string some_of(const std::vector<std::string>& words, std::size_t most);

/// "environment dev changes", "3 environments change, 1 is new", "nothing changes"
std::string change_headline(const GraphDiff& diff);
/// "211 of 214 steps are the same, 3 are new, 3 are gone"
std::string steps_headline(const GraphDiff& diff);
/// "install (184 packages) changes"
std::string consequence_text(const Consequence& consequence);
/// "liberror-perl 0.17029-2", "git 1 → 2", "nano"
std::string package_text(const PackageChange& change);

/// What follows from a cause, sorted by what happened: "brings", "takes with it", "changes"; for what is no cause of
/// its own "together they bring", ...
struct Following {
  std::string_view verb;
  std::vector<std::string> packages;
};
std::vector<Following> following(const Cause& cause);

/// True of what is a cause of its own.
bool is_root(const Cause& cause);
std::size_t root_count(const GraphDiff& diff);

/// What a sign before the cause tells at a glance.
enum class Sign { added, removed, changed };
Sign sign_of(const Cause& cause);

constexpr std::string_view outline_remark =
    "Told by a graph without its locks: what was asked for by name and the state of the archives are not in it.";

}  // namespace karapace::diff
