// SPDX-License-Identifier: Apache-2.0
#include "generator/project/control_files.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "generator/graph/cmake_text.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/own_directory.hpp"
#include "store/root_index.hpp"

namespace karapace::project {

std::vector<std::filesystem::path> control_files(const store::Root& root) {
  std::set<std::filesystem::path> all = {root.manifest, lock::lock_path(root.manifest)};
  std::set<std::filesystem::path> directories = {root.manifest.parent_path()};  // records of older releases list none
  for (const auto& graph : root.graphs) {
    all.insert(graph.sources.begin(), graph.sources.end());
    directories.insert(graph.directory);
  }
  for (const auto& directory : directories) {
    for (auto name : {std::string_view("build.ninja"), std::string_view(".ninja_log"), std::string_view(".ninja_deps"),
                      graph::cmake_steps_file, own_name}) {
      all.insert(directory / name);
    }
  }
  return {all.begin(), all.end()};
}

std::vector<std::filesystem::path> files_of_people(const store::Root& root) {
  std::vector<std::filesystem::path> all = {root.manifest, lock::lock_path(root.manifest)};
  for (const auto& graph : root.graphs)
    for (const auto& file : graph.sources)
      if (file.filename() != "build.ninja" && file.filename() != graph::cmake_steps_file) all.push_back(file);
  return all;
}

OwnDirectory::WrittenBySessions in_projects(const store::Store& store, std::vector<std::filesystem::path> projects) {
  return [&store, projects = std::move(projects)](const std::filesystem::path& directory) {
    auto lies_in = [&](const std::filesystem::path& project) {
      auto rest = directory.lexically_relative(project);
      return !rest.empty() && *rest.begin() != "..";
    };
    auto roots = store::RootIndex::read(store).all();
    return std::any_of(projects.begin(), projects.end(), lies_in) ||
           std::any_of(roots.begin(), roots.end(),
                       [&](const store::IndexedRoot& root) { return lies_in(root.manifest.parent_path()); });
  };
}

}  // namespace karapace::project
