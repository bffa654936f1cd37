// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/store_access.hpp"
#include "store/escape.hpp"

namespace karapace::cli {

namespace {

struct Arguments {};

/// One line: a project's environment, or an environment that is built or has instances, but whose project is gone.
struct Row {
  std::string name;
  EnvironmentId id;
  bool built = false;
  std::size_t instances = 0;
  std::optional<std::filesystem::path> manifest;
};

std::vector<Row> rows_of(const store::Store& store) {
  std::vector<Row> rows;
  std::map<EnvironmentId, Row> nameless;
  std::set<EnvironmentId> built;
  for (const auto& environment : store::environments(store)) {
    built.insert(environment.id);
    nameless[environment.id] = {"", environment.id, true, 0, std::nullopt};
  }
  for (const auto& root : store::roots(store)) {
    rows.push_back({root.name, root.environment, built.contains(root.environment), 0, root.manifest});
    nameless.erase(root.environment);
  }
  for (const auto& instance : store::instances(store)) {
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& candidate) {
      return candidate.id == instance.environment && candidate.manifest == instance.manifest;
    });
    if (row != rows.end()) {
      ++row->instances;
      continue;
    }
    auto& orphan = nameless.try_emplace(instance.environment).first->second;
    orphan.id = instance.environment;
    orphan.built = built.contains(instance.environment);
    ++orphan.instances;
  }
  for (auto& [id, row] : nameless) rows.push_back(std::move(row));
  return rows;
}

std::string state_of(const Row& row) {
  if (row.manifest && ::access(row.manifest->c_str(), F_OK) != 0) return row.built ? "built, manifest gone" : "manifest gone";
  return row.built ? "built" : "not built";
}

nlohmann::json json_of(const std::vector<Row>& rows) {
  auto environments = nlohmann::json::array();
  for (const auto& row : rows) {
    nlohmann::json item = {{"built", row.built}, {"id", row.id.hex()}, {"instances", row.instances},
                           {"manifest", nullptr}, {"name", nullptr}};
    if (row.manifest) {
      item["manifest"] = escaped_utf8(row.manifest->native());
      item["name"] = escaped_utf8(row.name);
    }
    environments.push_back(std::move(item));
  }
  return {{"environments", environments}};
}

void print_rows(const Context& context, const std::vector<Row>& rows) {
  std::size_t name_width = 4;
  std::size_t state_width = 9;
  for (const auto& row : rows) {
    name_width = std::max(name_width, escaped_utf8(row.name).size());
    state_width = std::max(state_width, state_of(row).size());
  }
  auto line = [&](std::string_view name, std::string_view id, std::string_view state, std::string_view count,
                  std::string_view manifest) {
    return fmt::format("{}  {}  {}  {}  {}\n", padded(name, name_width), padded(id, 12), padded(state, state_width),
                       padded(count, 9), manifest);
  };
  context.print(context.styled(Style::bold, line("NAME", "ID", "STATE", "INSTANCES", "MANIFEST")));
  for (const auto& row : rows) {
    context.print(line(row.manifest ? escaped_utf8(row.name) : "-", row.id.short_hex(), state_of(row),
                       std::to_string(row.instances), row.manifest ? escaped_utf8(row.manifest->native()) : "-"));
  }
}

void declare(Options&, Arguments&) {}

int run(const Context& context, const Arguments&) {
  auto store = store_if_exists(context);
  auto rows = store ? rows_of(*store) : std::vector<Row>();
  if (context.json) {
    context.print_json(json_of(rows));
  } else if (rows.empty()) {
    context.print("There are no environments yet. Make one with:\n  karapace new hello && cd hello && karapace build\n");
  } else {
    print_rows(context, rows);
  }
  return 0;
}

}  // namespace

Command list_command() {
  return make_command<Arguments>(
      {.name = "list",
       .group = Group::using_,
       .summary = "List the environments",
       .description = "One line for each project for which an environment was generated, and for each built environment\n"
                      "that no project names any more.",
       .examples = {{"karapace list", "name, id, state, instances and manifest"}}},
      declare, run);
}

}  // namespace karapace::cli
