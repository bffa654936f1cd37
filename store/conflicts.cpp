// SPDX-License-Identifier: Apache-2.0
#include "store/conflicts.hpp"

#include <algorithm>
#include <set>

#include "base/file.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

/// Every path that is no directory, also what was only copied up: it would hide what is new below it.
std::vector<PathQuestion> covered_paths(const fs::path& upper, const std::vector<std::string>& scaffold) {
  std::vector<PathQuestion> questions;
  for (const auto& entry : fs::recursive_directory_iterator(upper)) {
    auto path = entry.path().lexically_relative(upper).string();
    if (entry.symlink_status().type() == fs::file_type::directory) continue;
    if (!std::binary_search(scaffold.begin(), scaffold.end(), path))
      questions.push_back({std::move(path), PathQuestion::Extent::tree});
  }
  return questions;
}

}  // namespace

std::vector<fs::path> trees_of(const Store& store, const Environment& environment) {
  std::vector<fs::path> trees;
  for (const auto& layer : environment.layers) trees.push_back(store.layer_tree(layer));
  return trees;
}

std::vector<std::string> find_conflicts(const Store& store, const Generation& generation,
                                        const Environment& environment, const Environment& other,
                                        const ChangesOptions& options) {
  const auto upper = open_at(AT_FDCWD, generation.upper(), O_RDONLY | O_DIRECTORY);
  const auto first = trees_of(store, environment);
  const auto second = trees_of(store, other);
  auto questions = covered_paths(generation.upper(), untouched_scaffold(upper.get(), options.scaffold));
  // What an opaque directory hides is gone from both.
  for (const auto& change : find_changes(upper.get(), first, options).changes)
    questions.push_back(
        {change.path, change.kind == ChangeKind::removed ? PathQuestion::Extent::tree : PathQuestion::Extent::entry});
  const auto found = differing_paths(first, second, questions, options);
  std::set<std::string> sorted(found.begin(), found.end());
  if (sorted.empty()) return {};
  // What is as the other environment has it anyway hides nothing there.
  std::set<std::string> changed;
  for (const auto& change : find_changes(upper.get(), second, options).changes) {
    changed.insert(change.path);
    if (!change.from.empty()) changed.insert(change.from);
  }
  std::erase_if(sorted, [&](const std::string& path) {
    for (auto above = fs::path(path); !above.empty(); above = above.parent_path())
      if (changed.contains(above.string())) return false;
    return true;
  });
  return {sorted.begin(), sorted.end()};
}

}  // namespace karapace::store
