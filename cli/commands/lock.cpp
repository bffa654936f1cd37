// SPDX-License-Identifier: Apache-2.0
// lock: resolves manifests and writes their locks.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/words.hpp"
#include "cli/check_report.hpp"
#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/generate_arguments.hpp"
#include "cli/reasons_report.hpp"
#include "cli/store_access.hpp"
#include "generator/graph/diff/diff_report.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/project/locked_controls.hpp"
#include "generator/project/locking.hpp"
#include "generator/project/package_reasons.hpp"
#include "generator/project/project.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  std::vector<std::string> manifests;
  std::optional<std::vector<std::string>> upgrade;
  bool allow_rollback = false;
  bool check = false;
  std::optional<std::string> why;
};

void declare(Options& options, Arguments& arguments) {
  options.positional("MANIFEST", arguments.manifests, "a manifest, or a directory with a karapace.toml (default: .)");
  options.words("--upgrade", "PACKAGE", arguments.upgrade,
                "move these packages and sources, or all, to their newest versions");
  declare_rollback(options, arguments.allow_rollback);
  options.flag("--check", arguments.check, "change nothing; fail when a lock does not fit, and say what differs");
  options.value("--why", "PACKAGE", arguments.why, "change nothing; say why the lock has this package");
}

std::string shown(const std::filesystem::path& path) {
  auto relative = path.lexically_relative(std::filesystem::current_path());
  return relative.empty() || relative.native().starts_with("..") ? path.native() : relative.native();
}

std::string line_of(const diff::PackageChange& change) {
  if (!change.before) return fmt::format("+ {} {}", change.name, *change.after);
  if (!change.after) return fmt::format("- {} {}", change.name, *change.before);
  return fmt::format("~ {} {} → {}", change.name, *change.before, *change.after);
}

void tell(const Context& context, const project::Project& project, const project::LockResult& result) {
  for (const auto& note : result.notes) context.warn(note);
  if (context.json) return;
  auto packages = result.lock.base.size() + result.lock.packages.size();
  auto state = result.state == project::LockState::unchanged ? "is up to date" : text(result.state);
  context.print(fmt::format("{} {}: {}\n", shown(project.lock_path), state, counted(packages, "package")));
  for (const auto& change : result.packages) context.print(fmt::format("  {}\n", line_of(change)));
}

nlohmann::json json_of(const project::Project& project, const project::LockResult& result) {
  auto changes = nlohmann::json::array();
  for (const auto& change : result.packages) changes.push_back(diff::package_change_json(change));
  return {{"manifest", path_json(project.manifest_path)},
          {"lock_file", path_json(project.lock_path)},
          {"lock_state", text(result.state)},
          {"environment", blake3(result.canonical).hex()},
          {"package_count", result.lock.base.size() + result.lock.packages.size()},
          {"differences", differences_json(result.differences)},
          {"package_changes", std::move(changes)},
          {"notes", result.notes}};
}

/// Of the lock as it is, whether or not it fits the manifest.
nlohmann::json explain(const Context& context, const project::Project& project, const std::string& package) {
  auto settings = project::LockSettings{project::LockPolicy::frozen, {}, machine_paths(context), {}};
  const auto lock = project::bring_lock_up_to_date(project, settings).lock;
  const auto store = store_if_exists(context);
  const auto controls = store ? project::locked_controls(lock, *store) : project::LockedControls();
  const auto reasons = project::package_reasons(lock, controls, package);
  if (auto unread = unread_text(reasons); !unread.empty()) context.warn(unread);
  if (!context.json) context.print(reasons_text(reasons));
  auto json = reasons_json(reasons);
  json.update({{"manifest", path_json(project.manifest_path)}, {"lock_file", path_json(project.lock_path)}});
  return json;
}

/// "--why git=1:2.39*" and "--why git curl" are what people write who know --upgrade and apt.
void require_one_name(const Arguments& arguments) {
  const auto& word = *arguments.why;
  if (const auto mark = word.find_first_of("=/"); mark != std::string::npos)
    throw UsageError(
        fmt::format("lock: --why \"{}\": a lock has one version of a package: write its name alone, \"{}\"", word,
                    word.substr(0, mark)));
  for (const auto& manifest : arguments.manifests) {
    std::error_code error;
    if (manifest::judge_qualified_name(manifest) || std::filesystem::exists(manifest, error)) continue;
    throw UsageError(
        fmt::format("lock: --why takes one package, and there is no manifest \"{}\": ask for one after the "
                    "other",
                    manifest));
  }
}

int run_why(const Context& context, const Arguments& arguments) {
  if (arguments.check || arguments.upgrade || arguments.allow_rollback)
    throw UsageError("lock: --why changes and compares nothing: leave out --check, --upgrade and --allow-rollback");
  require_one_name(arguments);
  auto locks = nlohmann::json::array();
  for (const auto& manifest : manifests_and_upgrade(arguments.manifests, std::nullopt).manifests) {
    auto project = project::open_project(manifest, std::filesystem::current_path());
    locks.push_back(explain(context, project, *arguments.why));
  }
  if (context.json) context.print_json("karapace.lock-why", {{"locks", std::move(locks)}});
  return 0;
}

int run(const Context& context, const Arguments& arguments) {
  if (arguments.why) return run_why(context, arguments);
  if (arguments.check && arguments.upgrade) throw UsageError("lock: --upgrade changes locks, which --check forbids");
  if (arguments.check && arguments.allow_rollback)
    throw UsageError("lock: --allow-rollback changes locks, which --check forbids");
  auto policy = arguments.check ? project::LockPolicy::locked : project::LockPolicy::update;
  auto words = manifests_and_upgrade(arguments.manifests, arguments.upgrade);
  project::check_upgrade(words.upgrade, words.manifests, std::filesystem::current_path());
  project::LockSettings settings{policy, std::move(words.upgrade), machine_paths(context),
                                 rollback(arguments.allow_rollback)};
  auto locks = nlohmann::json::array();
  for (const auto& manifest : words.manifests) {
    auto project = project::open_project(manifest, std::filesystem::current_path());
    auto result = project::bring_lock_up_to_date(project, settings);
    tell(context, project, result);
    locks.push_back(json_of(project, result));
  }
  if (context.json) context.print_json("karapace.lock", {{"locks", std::move(locks)}});
  return 0;
}

}  // namespace

Command lock_command() {
  return make_command<Arguments>(
      {.name = "lock",
       .group = Group::making,
       .summary = "Pin everything a manifest needs",
       .description = "Asks the signed archives which packages the manifest means and writes karapace.lock beside\n"
                      "it: every package with version, size and digest. A lock that fits is left alone; one that\n"
                      "does not is changed no more than the manifest was. Commit it with the manifest.",
       .examples = {{"karapace lock", "make or update ./karapace.lock"},
                    {"karapace lock . --upgrade", "move every package to its newest version"},
                    {"karapace lock . --upgrade git curl", "move these, and what they need"},
                    {"karapace lock --check", "say whether the lock fits the manifest"},
                    {"karapace lock --why libldap-2.5-0", "say what needs this package"}}},
      declare, run);
}

}  // namespace karapace::cli
