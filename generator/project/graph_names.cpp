// SPDX-License-Identifier: Apache-2.0
#include "generator/project/graph_names.hpp"

#include <map>
#include <string>

#include "base/error.hpp"
#include "store/identifiers.hpp"

namespace karapace::generator {

namespace {

constexpr std::string_view alias = ": phony";
constexpr std::string_view step_prefix = " $steps/";
constexpr std::size_t key_digits = 2 * Digest::size;

/// What append_ninja_path made of a name.
std::string unescaped(std::string_view path) {
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '$' && i + 1 < path.size()) ++i;
    name += path[i];
  }
  return name;
}

/// "build NAME: phony $steps/KEY $steps/KEY"
void read_alias(std::string_view line, std::multimap<StepKey, std::string>& names) {
  auto end = line.find(alias);
  if (end == std::string_view::npos) return;
  auto name = unescaped(line.substr(0, end));
  for (auto rest = line.substr(end + alias.size()); rest.starts_with(step_prefix);) {
    rest.remove_prefix(step_prefix.size());
    if (auto key = StepKey::from_hex(rest.substr(0, key_digits))) names.emplace(*key, name);
    rest.remove_prefix(std::min(key_digits, rest.size()));
  }
}

std::multimap<StepKey, std::string> names_in(std::string_view local) {
  constexpr std::string_view build = "build ";
  std::multimap<StepKey, std::string> names;
  while (!local.empty()) {
    auto line = local.substr(0, local.find('\n'));
    local.remove_prefix(std::min(line.size() + 1, local.size()));
    if (line.starts_with(build)) read_alias(line.substr(build.size()), names);
  }
  return names;
}

}  // namespace

std::vector<EnvironmentState> named_environments(const Graph& graph, std::string_view local) {
  auto names = names_in(local);
  std::vector<EnvironmentState> environments;
  for (const auto& edge : graph.edges) {
    if (edge.step.kind != StepKind::environment) continue;
    auto id = EnvironmentId::from_hex(edge.step.parameter("lock").value_or(""));
    if (!id) throw GraphError("the graph has an environment without a lock");
    auto [begin, end] = names.equal_range(edge.key);
    if (begin == end) environments.push_back({"", "", *id, edge.key, std::nullopt});
    for (auto name = begin; name != end; ++name)
      environments.push_back({name->second, "", *id, edge.key, std::nullopt});
  }
  return environments;
}

}  // namespace karapace::generator
