// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/instance_report.hpp"
#include "cli/store_access.hpp"
#include "cli/table.hpp"
#include "generator/lock/environment_lock.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/instance_index.hpp"
#include "store/root.hpp"
#include "store/root_index.hpp"

namespace karapace::cli {

namespace {

struct Arguments {};

struct ListedInstance {
  store::IndexedInstance indexed;
  std::string_view state{};
};

/// One line: a project's environment, or an environment that is built or has instances, but whose project is gone.
struct Row {
  std::vector<std::string> names;
  EnvironmentId id;
  bool built = false;
  std::optional<std::string> base;  // when it is built
  std::vector<ListedInstance> instances;
  std::optional<std::filesystem::path> manifest;
  bool manifest_exists = false;
};

class Rows {
 public:
  explicit Rows(const store::Store& store) : bases_(lock::bases_of_built(store)) {
    std::vector<store::IndexedRoot> roots;
    store::IndexedInstances instances;
    for_each_index(2, available_threads(), [&](std::size_t i) {
      if (i == 0) instances = store::indexed_instances(store);
      if (i == 1) roots = store::RootIndex::read(store).all();
    });
    for (const auto& [id, base] : bases_) nameless_.emplace(id, row_of({}, id, std::nullopt));
    for (auto& root : roots) {
      projects_.emplace(root.manifest.native(), rows_.size());
      rows_.push_back(row_of(store::names(root), root.environment, std::move(root.manifest)));
      nameless_.erase(root.environment);
    }
    damaged_ = std::move(instances.damaged);
    count(std::move(instances.whole));
  }

  const std::vector<store::DamagedInstance>& damaged() const noexcept { return damaged_; }

  std::vector<Row> all() && {
    for (auto& [id, row] : nameless_) rows_.push_back(std::move(row));
    look();
    return std::move(rows_);
  }

 private:
  /// At what no index knows: each needs calls of its own.
  void look() {
    constexpr std::size_t too_few_for_a_thread = 200;
    const auto threads = std::min<std::size_t>(available_threads(), 1 + rows_.size() / too_few_for_a_thread);
    for_each_index(rows_.size(), static_cast<unsigned>(threads), [&](std::size_t i) {
      auto& row = rows_[i];
      row.manifest_exists = row.manifest && ::access(row.manifest->c_str(), F_OK) == 0;
      for (auto& [indexed, state] : row.instances) state = instance_state(indexed.instance, indexed.sessions);
    });
  }

  Row row_of(std::vector<std::string> names, const EnvironmentId& id,
             std::optional<std::filesystem::path> manifest) const {
    auto base = bases_.find(id);
    bool built = base != bases_.end();
    return {std::move(names), id, built, built ? base->second : std::nullopt, {}, std::move(manifest), false};
  }

  void count(std::vector<store::IndexedInstance> all) {
    for (auto& indexed : all) {
      const auto& instance = indexed.instance;
      const auto row = instance.manifest ? projects_.find(instance.manifest->native()) : projects_.end();
      auto& instances =
          row == projects_.end() ? orphan(instance.current.environment).instances : rows_[row->second].instances;
      instances.push_back({std::move(indexed)});
    }
  }

  Row& orphan(const EnvironmentId& environment) {
    auto [row, fresh] = nameless_.try_emplace(environment);
    if (fresh) row->second = row_of({}, environment, std::nullopt);
    return row->second;
  }

  std::map<EnvironmentId, std::optional<std::string>> bases_;
  std::vector<store::DamagedInstance> damaged_;
  std::vector<Row> rows_;
  std::map<EnvironmentId, Row> nameless_;
  std::unordered_map<std::string, std::size_t> projects_;  // by their manifest
};

std::string state_of(const Row& row) {
  if (row.manifest && !row.manifest_exists) return row.built ? "built, manifest gone" : "manifest gone";
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

/// "2: running, work frozen", "1, earlier environment"; "-" without any.
std::string instances_text(const Row& row) {
  if (row.instances.empty()) return "-";
  std::vector<std::string> notable;
  for (const auto& [indexed, state] : row.instances) {
    const auto& instance = indexed.instance;
    std::vector<std::string> words;
    if (!instance.name.empty()) words.push_back(instance.name);
    if (state != "idle") words.emplace_back(state);
    if (instance.current.environment != row.id) words.emplace_back("in an earlier environment");
    if (!words.empty()) notable.push_back(fmt::format("{}", fmt::join(words, " ")));
  }
  auto text = std::to_string(row.instances.size());
  return notable.empty() ? text : fmt::format("{}: {}", text, fmt::join(notable, ", "));
}

struct Listed {
  std::vector<Row> rows;
  std::vector<store::DamagedInstance> damaged;
};

Listed listed(const Context& context) {
  const auto store = store_if_exists(context);
  if (!store) return {};
  Rows rows(*store);
  auto damaged = rows.damaged();
  return {std::move(rows).all(), std::move(damaged)};
}

nlohmann::json json_of(const Listed& listed) {
  auto environments = nlohmann::json::array();
  for (const auto& row : listed.rows) {
    nlohmann::json item = {{"base", nullptr},
                           {"environment", row.id.hex()},
                           {"environment_state", row.built ? "built" : "not-built"},
                           {"instance_count", row.instances.size()},
                           {"instances", nlohmann::json::array()},
                           {"manifest", nullptr},
                           {"manifest_exists", nullptr},
                           {"name", nullptr},
                           {"names", nlohmann::json::array()}};
    for (const auto& [indexed, state] : row.instances)
      item["instances"].push_back(instance_json(indexed.instance, state));
    if (row.base) item["base"] = escaped_utf8(*row.base);
    if (row.manifest) {
      item["manifest"] = path_json(*row.manifest);
      item["manifest_exists"] = row.manifest_exists;
      item["name"] = escaped_utf8(row.names.front());
      for (const auto& name : row.names) item["names"].push_back(escaped_utf8(name));
    }
    environments.push_back(std::move(item));
  }
  auto damaged = nlohmann::json::array();
  for (const auto& instance : listed.damaged) damaged.push_back(damaged_instance_json(instance));
  return {{"damaged_instances", std::move(damaged)}, {"environments", std::move(environments)}};
}

void print_rows(const Context& context, const std::vector<Row>& rows) {
  std::vector<TableRow> table = {{"NAME", "ID", "STATE", "BASE", "INSTANCES", "MANIFEST"}};
  for (const auto& row : rows) {
    table.push_back({name_text(row), row.id.short_hex(), state_of(row), base_text(row), instances_text(row),
                     row.manifest ? escaped_utf8(row.manifest->native()) : "-"});
  }
  const auto lines = table_lines(table, {4, 12, 9, 4, 9}, 2);
  context.print(context.styled(Style::bold, lines.front()));
  std::string text;
  for (const auto& line : std::span(lines).subspan(1)) text += line;
  context.print(text);
}

void declare(Options&, Arguments&) {}

int run(const Context& context, const Arguments&) {
  const auto all = listed(context);
  if (context.json) {
    context.print_json("karapace.list", json_of(all));
    return 0;
  }
  if (!all.rows.empty())
    print_rows(context, all.rows);
  else if (all.damaged.empty())
    context.print(
        "There are no environments yet. Make one with:\n  karapace new hello && cd hello && karapace build\n");
  for (const auto& instance : all.damaged) context.warn(instance.reason);
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
