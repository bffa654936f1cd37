// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/store_access.hpp"
#include "store/scan.hpp"
#include "store/verify.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  bool repair = false;
};

constexpr std::size_t shown_paths = 10;

void declare(Options& options, Arguments& arguments) {
  options.flag("--repair", arguments.repair, "move what is damaged away, so that ninja makes it again");
}

std::size_t unrepaired(const store::VerifyReport& report) {
  std::size_t count = 0;
  for (const auto& problem : report.problems) count += problem.repaired ? 0 : 1;
  return count;
}

nlohmann::json json_of(const std::vector<store::DamagedPath>& paths) {
  auto list = nlohmann::json::array();
  for (const auto& path : paths) list.push_back({{"path", path.path}, {"reason", path.reason}});
  return list;
}

nlohmann::json json_of(const store::VerifyReport& report) {
  auto problems = nlohmann::json::array();
  for (const auto& problem : report.problems) {
    problems.push_back({{"kind", text(problem.kind)},
                        {"name", escaped_utf8(problem.name)},
                        {"paths", json_of(problem.paths)},
                        {"reason", problem.reason},
                        {"repaired", problem.repaired}});
  }
  auto remade = nlohmann::json::array();
  for (const auto& key : report.to_be_remade) remade.push_back(key.hex());
  return {{"checked_bytes", report.bytes},
          {"checked_count", report.checked},
          {"problems", std::move(problems)},
          {"steps_to_be_remade", std::move(remade)}};
}

void print_problem(const Context& context, const store::Problem& problem) {
  context.print(fmt::format("{}: {}{}\n", context.styled(Style::red, problem.object), problem.reason,
                            problem.repaired ? " (repaired)" : ""));
  bool all = context.verbosity > 0 || problem.paths.size() <= shown_paths;
  std::size_t count = all ? problem.paths.size() : shown_paths;
  for (std::size_t i = 0; i < count; ++i) {
    context.print(fmt::format("  {}: {}\n", problem.paths[i].path, problem.paths[i].reason));
  }
  if (!all) context.print(fmt::format("  ... and {} more (-v shows all)\n", problem.paths.size() - count));
}

void print_report(const Context& context, const store::VerifyReport& report, const Arguments& arguments) {
  for (const auto& problem : report.problems) print_problem(context, problem);
  auto failed = report.problems.size();
  context.print(fmt::format("checked {}, {}: {}\n", counted(report.checked, "object"), size_text(report.bytes),
                            failed == 0 ? "all good" : fmt::format("{} damaged", failed)));
  if (failed == 0) return;
  if (!arguments.repair) return context.print("`karapace verify-store --repair` moves what is damaged away\n");
  bool root = false;
  for (const auto& problem : report.problems) root = root || problem.kind == store::ObjectKind::root;
  context.print(
      fmt::format("{} to be made again: run ninja in the projects\n", counted(report.to_be_remade.size(), "step")));
  if (root) context.print("a project's record was damaged: run `karapace gen` in it before `karapace gc`\n");
  context.print("what was moved away lies in the store's directory \"quarantine\" until the next `karapace gc`\n");
}

int run(const Context& context, const Arguments& arguments) {
  auto access = arguments.repair ? store::Store::Access::update : store::Store::Access::read_only;
  auto store = context.open_store(access);
  auto mode = enter_for_trees(store);
  store::VerifyOptions options;
  options.repair = arguments.repair ? store::Repair::yes : store::Repair::no;
  options.owners = mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
  options.threads = available_threads();
  auto report = store::verify_store(store, options);
  if (context.json) {
    context.print_json("karapace.verify-store", json_of(report));
  } else {
    print_report(context, report, arguments);
  }
  return unrepaired(report) == 0 ? 0 : exit_code(ErrorKind::store);
}

}  // namespace

Command verify_store_command() {
  return make_command<Arguments>(
      {.name = "verify-store",
       .group = Group::store,
       .summary = "Check that everything in the store is what its name says",
       .description =
           "Reads every download, layer, step record, environment, project and instance and compares it with\n"
           "its digest. Exits with 3 when something is damaged. With --repair, what is damaged is moved to\n"
           "the store's directory \"quarantine\", with the step records that lead to it, and ninja makes it\n"
           "again. Builds may run meanwhile. Worth doing after a power failure: layers are not forced to the\n"
           "disk when they are made.",
       .examples = {{"karapace verify-store", "check"},
                    {"karapace verify-store --repair && ninja", "check, and make again what was damaged"}}},
      declare, run);
}

}  // namespace karapace::cli
