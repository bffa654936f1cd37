// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/linked_places.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>

#include "runtime/steps/canonical_rules.hpp"
#include "store/tree_stack.hpp"
#include "store/tree_walk.hpp"

namespace karapace::steps {

namespace {

using store::TreeStack;

constexpr unsigned most_links = 40;  // as the kernel follows

struct Component {
  std::string name;
  bool is_pattern = false;
};
using Components = std::vector<Component>;

/// `rest` after the components of `path`.
Components components(std::string_view path, bool may_be_patterns, Components rest = {}) {
  Components all;
  while (!path.empty()) {
    const auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (name.empty() || name == ".") continue;
    all.push_back({std::string(name), may_be_patterns && name.find_first_of("*?[") != name.npos});
  }
  all.insert(all.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  return all;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string() : path.substr(0, slash);
}

class Following {
 public:
  explicit Following(const TreeStack& stack) : stack_(stack) {}

  std::vector<LinkedPlace> run(const std::string& pattern) {
    follow("", components(pattern, true), 0);
    return std::move(places_);
  }

 private:
  TreeStack::Layers layers_of(const std::string& path) const {
    if (path.empty()) return stack_.roots();
    const auto parent = parent_of(path);
    auto above = layers_of(parent);
    if (above.empty()) return {};
    return stack_.subdirectory(stack_.open(parent, std::move(above)), path.substr(path.rfind('/') + 1));
  }

  /// `at` is a path without links.
  void follow(const std::string& at, Components rest, unsigned links) {
    if (rest.empty()) return places_.push_back({at});
    const auto next = std::move(rest.front());
    rest.erase(rest.begin());
    if (next.is_pattern && next.name == "**") return places_.push_back({at, true});
    if (next.name == "..") return follow(parent_of(at), std::move(rest), links);
    auto layers = layers_of(at);
    if (layers.empty()) return;
    const auto directory = stack_.open(at, std::move(layers));
    if (!next.is_pattern) {
      if (const auto found = stack_.find(directory, next.name)) enter(directory, next.name, *found, rest, links);
      return;
    }
    for (const auto& [name, found] : stack_.names(directory))
      if (matches(next.name, name)) enter(directory, name, found, rest, links);
  }

  void enter(const TreeStack::Directory& directory, const std::string& name, const TreeStack::Found& found,
             const Components& rest, unsigned links) {
    const auto path = store::child_path(directory.path, name);
    const bool is_link = S_ISLNK(found.status.st_mode);
    if (rest.empty()) places_.push_back({path});
    if (!is_link && !rest.empty()) return follow(path, rest, links);
    if (!is_link || links == most_links) return;
    const Fd parent = store::open_beneath(stack_.tree(found.layer), directory.path, O_PATH | O_DIRECTORY);
    const auto target = parent ? store::link_target(parent.get(), name.c_str()) : std::nullopt;
    if (!target) return;
    follow(target->starts_with('/') ? std::string() : directory.path, components(*target, false, rest), links + 1);
  }

  const TreeStack& stack_;
  std::vector<LinkedPlace> places_;
};

}  // namespace

std::vector<std::vector<LinkedPlace>> linked_places(const std::vector<std::filesystem::path>& trees,
                                                    const std::vector<std::string>& patterns) {
  const TreeStack stack(trees);
  std::vector<std::vector<LinkedPlace>> all;
  for (const auto& pattern : patterns) all.push_back(Following(stack).run(pattern));
  return all;
}

}  // namespace karapace::steps
