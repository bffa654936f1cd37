// SPDX-License-Identifier: Apache-2.0
#include "cli/check_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "cli/diff_paint.hpp"
#include "cli/document.hpp"
#include "generator/graph/diff/diff_report.hpp"

namespace karapace::cli {

namespace {

using project::GraphCheck;
using project::GraphState;
using project::LockCheck;

std::string shown(const std::filesystem::path& path) {
  auto relative = path.lexically_relative(std::filesystem::current_path());
  return escaped_utf8(relative.empty() || relative.native().starts_with("..") ? path.native() : relative.native());
}

std::string lock_text(const Context& context, const LockCheck& lock) {
  auto wrong = context.styled(Style::red, "✗");
  if (lock.state == LockCheck::State::missing) {
    return fmt::format("{} {} is missing: {} has never been locked\n", wrong, shown(lock.lock), shown(lock.manifest));
  }
  auto text = fmt::format("{} {} does not fit {}:\n", wrong, shown(lock.lock), shown(lock.manifest));
  for (const auto& difference : lock.differences) text += fmt::format("    {}\n", lock::text(difference));
  return text;
}

std::string graph_text(const Context& context, const GraphCheck& check) {
  auto wrong = context.styled(Style::red, "✗");
  auto graph = shown(check.graph);
  switch (check.state) {
    case GraphState::fits:
    case GraphState::unknown: return "";
    case GraphState::missing: return fmt::format("{} {} is missing\n", wrong, graph);
    case GraphState::damaged:
      return fmt::format("{} {} is not a graph as gen writes it:\n    {}\n", wrong, graph, check.damage);
    case GraphState::other_text:
      return fmt::format("{} {} has the right steps in another text: another version of Karapace wrote it\n", wrong,
                         graph);
    case GraphState::differs: break;
  }
  auto detail = context.verbosity > 0 ? diff::Detail::steps : diff::Detail::causes;
  return fmt::format("{} {} is not what the locks give:\n\n{}", wrong, graph,
                     diff::diff_text(check.compared->diff, diff_paint(context), detail));
}

}  // namespace

std::string check_text(const Context& context, const GraphCheck& check) {
  if (check.fits()) {
    auto locks = check.locks.size() == 1 ? fmt::format("{} fits", shown(check.locks[0].lock))
                                         : fmt::format("all {} locks fit", check.locks.size());
    return fmt::format("{} is what gen would write, and {}\n", shown(check.graph), locks);
  }
  std::string text;
  for (const auto& lock : check.locks) {
    if (lock.state != LockCheck::State::fits) text += lock_text(context, lock);
  }
  text += graph_text(context, check);
  return text + "Run `karapace gen`, which brings locks up to date as well, and commit what it changes.\n";
}

nlohmann::json differences_json(const std::vector<lock::Difference>& differences) {
  auto optional = [](const std::optional<std::string>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json();
  };
  auto list = nlohmann::json::array();
  for (const auto& difference : differences) {
    list.push_back({{"key", difference.key},
                    {"change", text(difference.change)},
                    {"subject", difference.subject.empty() ? nlohmann::json() : nlohmann::json(difference.subject)},
                    {"before", optional(difference.before)},
                    {"after", optional(difference.after)}});
  }
  return list;
}

nlohmann::json check_json(const GraphCheck& check) {
  auto locks = nlohmann::json::array();
  for (const auto& lock : check.locks) {
    locks.push_back({{"manifest", path_json(lock.manifest)},
                     {"lock_file", path_json(lock.lock)},
                     {"lock_fit", text(lock.state)},
                     {"differences", differences_json(lock.differences)}});
  }
  return {{"fits", check.fits()},
          {"locks", std::move(locks)},
          {"graph",
           {{"graph_file", path_json(check.graph)},
            {"graph_fit", text(check.state)},
            {"damage", check.damage.empty() ? nlohmann::json() : nlohmann::json(check.damage)},
            {"diff", check.compared ? diff::diff_json(check.compared->diff) : nlohmann::json()}}}};
}

}  // namespace karapace::cli
