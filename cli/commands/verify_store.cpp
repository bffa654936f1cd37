// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/parallel.hpp"
#include "base/words.hpp"
#include "cli/commands.hpp"
#include "cli/store_access.hpp"
#include "store/power_failure.hpp"
#include "store/scan.hpp"
#include "store/verify.hpp"

namespace karapace::cli {

namespace {

struct Arguments {
  bool repair = false;
  bool since_sync = false;
};

constexpr std::size_t shown_paths = 10;
/// Nothing is damaged, but something could not be read.
constexpr int could_not_check = 4;

void declare(Options& options, Arguments& arguments) {
  options.flag("--repair", arguments.repair, "move what is damaged away, so that ninja makes it again");
  options.flag(
      "--since-sync", arguments.since_sync,
      "after a restart of the machine: only what may have been lost with it; repairs. Every command that opens\n"
      "the store does this by itself");
}

nlohmann::json json_of(const std::vector<store::DamagedPath>& paths) {
  auto list = nlohmann::json::array();
  for (const auto& path : paths) list.push_back({{"path", path.path}, {"reason", path.reason}});
  return list;
}

nlohmann::json json_of(const store::VerifyReport& report) {
  auto problems = nlohmann::json::array();
  for (const auto& problem : report.problems) {
    problems.push_back({{"class", text(class_of(problem.kind))},
                        {"kind", text(problem.kind)},
                        {"name", escaped_utf8(problem.name)},
                        {"notes", problem.notes},
                        {"paths", json_of(problem.paths)},
                        {"reason", problem.reason},
                        {"repaired", problem.repaired},
                        {"trouble", text(problem.trouble)}});
  }
  auto derived = nlohmann::json::array();
  for (const auto& object : report.derived) derived.push_back({{"kind", text(object.kind)}, {"name", object.name}});
  auto remade = nlohmann::json::array();
  for (const auto& key : report.to_be_remade) remade.push_back(key.hex());
  auto lost = nlohmann::json::array();
  for (const auto& one : report.lost)
    lost.push_back({{"environment", one.environment.hex()}, {"instance", escaped_utf8(one.instance)}});
  return {{"checked_bytes", report.bytes},   {"checked_count", report.checked},
          {"derived", std::move(derived)},   {"lost_environments", std::move(lost)},
          {"problems", std::move(problems)}, {"steps_to_be_remade", std::move(remade)}};
}

/// What a person may lose by it.
std::string described(const store::Problem& problem) {
  if (problem.trouble == store::Trouble::unchecked) return " (could not check)";
  return class_of(problem.kind) == store::ObjectClass::irreplaceable ? " (irreplaceable)" : " (can be made again)";
}

void print_problem(const Context& context, const store::Problem& problem) {
  context.print(fmt::format("{}: {}{}\n", context.styled(Style::red, problem.object), problem.reason,
                            problem.repaired ? " (repaired)" : described(problem)));
  bool all = context.verbosity > 0 || problem.paths.size() <= shown_paths;
  std::size_t count = all ? problem.paths.size() : shown_paths;
  for (std::size_t i = 0; i < count; ++i) {
    context.print(fmt::format("  {}: {}\n", problem.paths[i].path, problem.paths[i].reason));
  }
  if (!all) context.print(fmt::format("  ... and {} more (-v shows all)\n", problem.paths.size() - count));
  for (const auto& note : problem.notes) context.print(fmt::format("  {}\n", note));
}

std::string verdict(const store::VerifyReport& report) {
  if (report.problems.empty()) return "all good";
  std::vector<std::string> parts;
  for (auto trouble : {store::Trouble::damaged, store::Trouble::missing, store::Trouble::unchecked}) {
    const auto is_it = [&](const store::Problem& problem) { return problem.trouble == trouble; };
    const auto count = std::count_if(report.problems.begin(), report.problems.end(), is_it);
    const bool unchecked = trouble == store::Trouble::unchecked;
    if (count > 0) parts.push_back(fmt::format("{} {}", count, unchecked ? "could not be checked" : text(trouble)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

void print_report(const Context& context, const store::VerifyReport& report, const Arguments& arguments) {
  for (const auto& problem : report.problems) print_problem(context, problem);
  context.print(
      fmt::format("checked {}, {}: {}\n", counted(report.checked, "object"), size_text(report.bytes), verdict(report)));
  const auto is_unchecked = [](const store::Problem& one) { return one.trouble == store::Trouble::unchecked; };
  if (std::all_of(report.problems.begin(), report.problems.end(), is_unchecked)) return;
  if (!arguments.repair) return context.print("`karapace verify-store --repair` moves what is damaged away\n");
  bool root = false;
  for (const auto& problem : report.problems) root = root || problem.kind == store::ObjectKind::root;
  if (!report.derived.empty())
    context.print(
        fmt::format("{} made of what was damaged: taken out, too\n", counted(report.derived.size(), "object")));
  context.print(
      fmt::format("{} to be made again: run ninja in the projects\n", counted(report.to_be_remade.size(), "step")));
  for (const auto& lost : report.lost)
    context.print(fmt::format("the instance {} needs the environment {}: `karapace build {}` makes it again\n",
                              escaped_utf8(lost.instance), lost.environment.short_hex(), lost.environment.hex()));
  if (root) context.print("a project's record was damaged: run `karapace gen` in it before `karapace gc`\n");
  context.print("what was moved away lies in the store's directory \"quarantine\" until the next `karapace gc`\n");
}

/// One line, and only when something was lost: it appears in the middle of whatever a person does.
int check_since_sync(const Context& context, const store::Store& store, const store::VerifyOptions& options) {
  const auto report = store::verify_since_sync(store, options).value_or(store::VerifyReport());
  if (context.json) context.print_json("karapace.verify-store", json_of(report));
  if (report.problems.empty()) return 0;
  context.warn(
      fmt::format("the machine was restarted before what steps made was on its disk: of {} made since, {}; {} to be "
                  "made again: run "
                  "ninja in the projects",
                  counted(report.checked, "object"), verdict(report), counted(report.to_be_remade.size(), "step")));
  return 0;
}

int run(const Context& context, const Arguments& arguments) {
  const bool writes = arguments.repair || arguments.since_sync;
  auto access = writes ? store::Store::Access::update : store::Store::Access::read_only;
  auto store = context.open_store(access, store::Store::AfterPowerFailure::leave);
  auto mode = enter_for_trees(store);
  store::VerifyOptions options;
  options.repair = arguments.repair ? store::Repair::yes : store::Repair::no;
  options.owners = mode == sandbox::IdMode::single ? store::Owners::ignore : store::Owners::from_disk;
  options.threads = available_threads();
  if (arguments.since_sync) return check_since_sync(context, store, options);
  timespec begun{};
  ::clock_gettime(CLOCK_REALTIME, &begun);
  auto report = store::verify_store(store, options);
  if (arguments.repair && count(report, store::Trouble::unchecked) == 0) {
    store::sync_store(store);  // what was read may have been in memory only
    store::note_verified(store, begun);
  }
  if (context.json) {
    context.print_json("karapace.verify-store", json_of(report));
  } else {
    print_report(context, report, arguments);
  }
  if (count(report, store::Trouble::damaged) + count(report, store::Trouble::missing) > 0)
    return exit_code(ErrorKind::store);
  return count(report, store::Trouble::unchecked) > 0 ? could_not_check : 0;
}

}  // namespace

Command verify_store_command() {
  return make_command<Arguments>(
      {.name = "verify-store",
       .group = Group::store,
       .summary = "Check that everything in the store is what its name says",
       .description =
           "Reads every download, layer, step record, environment, project and instance and compares it with\n"
           "its digest. Exits with 3 when something is damaged or missing, and with 4 when something only could\n"
           "not be read: a full table of descriptors, other ids, a failing disk say nothing of what is there.\n"
           "With --repair, what is damaged is moved to the store's directory \"quarantine\", with the step\n"
           "records that lead to it and everything that steps made of it, and ninja makes it again. What\n"
           "could not be checked, and what is a person's, stays. Builds may run meanwhile.",
       .examples = {{"karapace verify-store", "check"},
                    {"karapace verify-store --repair && ninja", "check, and make again what was damaged"}}},
      declare, run);
}

}  // namespace karapace::cli
