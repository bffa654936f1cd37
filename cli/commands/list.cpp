// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/environment_lock.hpp"
#include "cli/store_access.hpp"
#include "store/escape.hpp"
#include "store/parallel.hpp"

namespace karapace::cli {

namespace {

struct Arguments {};

/// One line: a project's environment, or an environment that is built or has instances, but whose project is gone.
struct Row {
  std::vector<std::string> names;
  EnvironmentId id;
  bool built = false;
  std::optional<std::string> base;  // when it is built
  std::size_t instances = 0;
  std::optional<std::filesystem::path> manifest;
};

using Bases = std::map<EnvironmentId, std::optional<std::string>>;

/// Of the environments that are built. Reads a lock for each, side by side.
Bases bases_of(const store::Store& store) {
  auto environments = store::environments(store);
  std::vector<std::optional<std::string>> found(environments.size());
  for_each_index(environments.size(), available_threads(),
                 [&](std::size_t i) { found[i] = base_if_known(store, environments[i]); });
  Bases bases;
  for (std::size_t i = 0; i < environments.size(); ++i) bases.emplace(environments[i].id, std::move(found[i]));
  return bases;
}

std::vector<Row> rows_of(const store::Store& store) {
  std::vector<Row> rows;
  std::map<EnvironmentId, Row> nameless;
  auto bases = bases_of(store);
  auto row_of = [&](std::vector<std::string> names, const EnvironmentId& id,
                    std::optional<std::filesystem::path> manifest) {
    auto base = bases.find(id);
    bool built = base != bases.end();
    return Row{std::move(names), id, built, built ? base->second : std::nullopt, 0, std::move(manifest)};
  };
  for (const auto& [id, base] : bases) nameless.emplace(id, row_of({}, id, std::nullopt));
  for (const auto& root : store::roots(store)) {
    rows.push_back(row_of(store::names(root), root.environment, root.manifest));
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
    auto [orphan, fresh] = nameless.try_emplace(instance.environment);
    if (fresh) orphan->second = row_of({}, instance.environment, std::nullopt);
    ++orphan->second.instances;
  }
  for (auto& [id, row] : nameless) rows.push_back(std::move(row));
  return rows;
}

std::string state_of(const Row& row) {
  if (row.manifest && ::access(row.manifest->c_str(), F_OK) != 0)
    return row.built ? "built, manifest gone" : "manifest gone";
  return row.built ? "built" : "not built";
}

std::string name_text(const Row& row) {
  if (!row.manifest) return "-";
  return escaped_utf8(fmt::format("{}", fmt::join(row.names, ", ")));
}

std::string base_text(const Row& row) {
  constexpr std::string_view archive = "sha256:";
  if (!row.base) return "-";
  if (row.base->starts_with(archive)) return "archive " + escaped_utf8(row.base->substr(archive.size(), 12));
  return escaped_utf8(*row.base);
}

nlohmann::json json_of(const std::vector<Row>& rows) {
  auto environments = nlohmann::json::array();
  for (const auto& row : rows) {
    nlohmann::json item = {{"base", nullptr},
                           {"built", row.built},
                           {"id", row.id.hex()},
                           {"instances", row.instances},
                           {"manifest", nullptr},
                           {"name", nullptr},
                           {"names", nlohmann::json::array()},
                           {"state", state_of(row)}};
    if (row.base) item["base"] = escaped_utf8(*row.base);
    if (row.manifest) {
      item["manifest"] = escaped_utf8(row.manifest->native());
      item["name"] = escaped_utf8(row.names.front());
      for (const auto& name : row.names) item["names"].push_back(escaped_utf8(name));
    }
    environments.push_back(std::move(item));
  }
  return {{"environments", environments}};
}

void print_rows(const Context& context, const std::vector<Row>& rows) {
  std::size_t name_width = 4;
  std::size_t state_width = 9;
  std::size_t base_width = 4;
  for (const auto& row : rows) {
    name_width = std::max(name_width, name_text(row).size());
    state_width = std::max(state_width, state_of(row).size());
    base_width = std::max(base_width, base_text(row).size());
  }
  auto line = [&](std::array<std::string, 6> cells) {
    return fmt::format("{}  {}  {}  {}  {}  {}\n", padded(cells[0], name_width), padded(cells[1], 12),
                       padded(cells[2], state_width), padded(cells[3], base_width), padded(cells[4], 9), cells[5]);
  };
  context.print(context.styled(Style::bold, line({"NAME", "ID", "STATE", "BASE", "INSTANCES", "MANIFEST"})));
  for (const auto& row : rows) {
    context.print(line({name_text(row), row.id.short_hex(), state_of(row), base_text(row),
                        std::to_string(row.instances), row.manifest ? escaped_utf8(row.manifest->native()) : "-"}));
  }
}

void declare(Options&, Arguments&) {}

int run(const Context& context, const Arguments&) {
  auto store = store_if_exists(context);
  auto rows = store ? rows_of(*store) : std::vector<Row>();
  if (context.json) {
    context.print_json(json_of(rows));
  } else if (rows.empty()) {
    context.print(
        "There are no environments yet. Make one with:\n  karapace new hello && cd hello && karapace build\n");
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
       .description =
           "One line for each project for which an environment was generated, and for each built environment\n"
           "that no project names any more. The base is shown when the environment is built.",
       .examples = {{"karapace list", "name, id, state, base, instances and manifest"}}},
      declare, run);
}

}  // namespace karapace::cli
