// SPDX-License-Identifier: Apache-2.0
// The graph as CMake reads it: steps.cmake, the same bytes on every machine, and .karapace/local.cmake, which holds
// what belongs to one. karapace_environment() (cmake/KarapaceEnvironment.cmake) includes both and makes each step an
// edge of the project's own graph.
//
// Every step has its arguments in a file (edge_arguments.hpp): nothing in them can then mean anything to CMake, to a
// shell or to Make, and the commands are short, which is what the parsing of a large build.ninja costs.
//
// The edges' outputs are links in the store (links/<link_name>) to the steps' records, not the records: `ninja clean`
// removes all outputs, and must not take records from other projects. The links also have names that people can read,
// which `ninja -t graph` and `-t query` show.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/graph.hpp"
#include "store/identifiers.hpp"

namespace karapace::graph {

/// Both relative to the directory that belongs to one environment in one build directory.
constexpr std::string_view cmake_steps_file = "steps.cmake";
constexpr std::string_view cmake_local_file = ".karapace/local.cmake";

/// "fetch-git-1-2.39.5-0-deb12u2-39b215400eaaba27": what it is about, as a name that neither CMake nor Make nor Ninja
/// has to quote, and the beginning of its key. At most 100 bytes.
std::string link_name(const Edge& edge);

/// A call `_karapace_step(KIND SUBJECT LINK KEY INPUT-LINK...)` per edge, inputs before those who read them.
std::string cmake_text(const Graph& graph);

/// How an image of the environment may be packed: "zstd", "squashed_gzip", and the `pack` edges for it.
struct CMakePacks {
  std::string variant;
  std::vector<Edge> edges;
};

struct CMakeLocal {
  std::string name;
  EnvironmentId id;
  std::string link;          // of the environment's step
  std::string release = {};  // the same of the release's tree; "" when there is none
  std::filesystem::path store;
  std::filesystem::path step_program;
  std::filesystem::path arguments;  // absolute path of the directory with the arguments' files
  std::filesystem::path manifest;
  std::filesystem::path lock;
  unsigned fetch_depth = 1;
  unsigned install_depth = 1;
  std::vector<std::filesystem::path> sources;  // files whose change asks for another configuration
  std::vector<CMakePacks> packs = {};
  std::vector<Edge> layers = {};  // that the packs read
};

/// Variables `_karapace_NAME`; `_karapace_packs_VARIANT` has an element LINK|KEY|INPUT-LINK... per edge. Sorts the
/// sources. Error when a path has a character that CMake's lists can not hold.
std::string cmake_local_text(CMakeLocal local);

}  // namespace karapace::graph
