// SPDX-License-Identifier: Apache-2.0
// The graph as Ninja reads it: build.ninja, the same bytes on every machine, and .karapace/local.ninja, which holds
// what belongs to one. Commands that need many words read them from files (edge_arguments.hpp), but build.ninja tells
// everything about its steps by itself: graph_reader.hpp makes the graph of it again.
//
// Only what Ninja 1.5, samurai and n2 have in common is used: no dyndep, every output is written by its edge.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/graph.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

/// How every build.ninja of ours begins: a file that begins otherwise is never overwritten.
constexpr std::string_view graph_marker = "# karapace graph 1\n";
/// Relative to the directory of build.ninja.
constexpr std::string_view local_file = ".karapace/local.ninja";

/// How the last line begins: the BLAKE3 of all lines before it follows. Keys cover what steps do, and this what is said
/// of them: descriptions, hints, rules. Graphs of older releases have none.
constexpr std::string_view graph_seal = "# sealed ";

std::string ninja_text(const Graph& graph);

struct LocalEnvironment {
  std::string name;
  EnvironmentId id;
  StepKey step;
  auto operator<=>(const LocalEnvironment&) const = default;
};

struct Local {
  std::filesystem::path store;
  std::filesystem::path step_program;
  std::filesystem::path mirrors;    // absolute path of the file that says from where to fetch
  std::filesystem::path arguments;  // absolute path of the directory with the files of long commands, named by key
  unsigned fetch_depth = 1;
  unsigned install_depth = 1;
  std::vector<LocalEnvironment> environments;
  std::vector<std::string> regenerate;         // the command that writes the graph again; empty: nothing does
  std::vector<std::filesystem::path> sources;  // files whose change asks for that
};

/// Sorts; Error when a path has a line end, or a source a "|", which Ninja can not hold.
std::string local_text(Local local);

}  // namespace karapace::graph
