// SPDX-License-Identifier: Apache-2.0
#include "generator/project/control_files.hpp"

#include <set>

#include "generator/graph/cmake_text.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/own_directory.hpp"

namespace karapace::generator {

std::vector<std::filesystem::path> control_files(const store::Root& root) {
  std::set<std::filesystem::path> all = {root.manifest, lock_path(root.manifest),
                                         root.manifest.parent_path() / own_name};
  for (const auto& graph : root.graphs) {
    all.insert(graph.sources.begin(), graph.sources.end());
    for (auto name : {std::string_view("build.ninja"), std::string_view(".ninja_log"), std::string_view(".ninja_deps"),
                      cmake_steps_file, own_name}) {
      all.insert(graph.directory / name);
    }
  }
  return {all.begin(), all.end()};
}

}  // namespace karapace::generator
