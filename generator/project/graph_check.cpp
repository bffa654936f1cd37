// SPDX-License-Identifier: Apache-2.0
#include "generator/project/graph_check.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/lock/intent.hpp"
#include "generator/lock/lock_file.hpp"
#include "generator/project/graph_side.hpp"
#include "generator/project/locked_release.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

class Checking {
 public:
  explicit Checking(const GenerateRequest& request)
      : request_(request), directory_((request.working_directory / request.directory).lexically_normal()) {}

  GraphCheck run() {
    check_.graph = (directory_ / "build.ninja").lexically_normal();
    for (const auto& manifest : request_.manifests) add(open_project(manifest, request_.working_directory));
    wanted_.title = "as gen would write it";
    wanted_.graph = std::move(planner_).finish();
    compare();
    return std::move(check_);
  }

 private:
  void add(Project project) {
    if (!seen_.insert(project.manifest_path).second) return;
    LockCheck check{project.manifest_path, project.lock_path, LockCheck::State::fits, {}};
    auto lock = lock::read_lock_if_exists(project.lock_path);
    if (!lock) {
      check.state = LockCheck::State::missing;
    } else if (request_.lock.policy != LockPolicy::frozen) {
      check.differences =
          lock::differences(lock::intent_of(*lock), wanted_intent(project, lock->release, request_.lock.paths.cache));
      if (!check.differences.empty()) check.state = LockCheck::State::differs;
    }
    check_.locks.push_back(std::move(check));
    if (lock) plan(project, std::move(*lock));
  }

  void plan(const Project& project, lock::Lock lock) {
    auto canonical = lock::serialise(lock);
    auto step = planner_.add(lock, canonical).back();
    planner_.add_release(lock, step);
    wanted_.environments.push_back(
        {request_.name.value_or(project.name), "", EnvironmentId(blake3(canonical)), step, std::move(lock)});
  }

  void compare() {
    auto missing = [](const LockCheck& lock) { return lock.state == LockCheck::State::missing; };
    if (std::any_of(check_.locks.begin(), check_.locks.end(), missing)) return;
    auto text = read_file_if_exists(check_.graph);
    if (text && !text->starts_with(graph::graph_marker)) {
      throw Error(fmt::format("gen: {} is not one of ours: name another directory with -C",
                              escaped_utf8(check_.graph.native())));
    }
    if (!text) {
      check_.state = GraphState::missing;
    } else if (*text == graph::ninja_text(wanted_.graph)) {
      check_.state = GraphState::fits;
    } else {
      explain();
    }
  }

  void explain() {
    auto compared = std::make_unique<CheckedGraph>();
    try {
      compared->before = read_build_directory(directory_, wanted_);
    } catch (const GraphError& error) {
      check_.state = GraphState::damaged;
      check_.damage = error.what();
      return;
    }
    compared->after = std::move(wanted_);
    compared->diff = diff::diff_graphs(compared->before, compared->after);
    check_.state = compared->diff.steps.empty() ? GraphState::other_text : GraphState::differs;
    check_.compared = std::move(compared);
  }

  const GenerateRequest& request_;
  fs::path directory_;
  GraphCheck check_;
  diff::GraphSide wanted_;
  graph::Planner planner_;
  std::set<fs::path> seen_;
};

}  // namespace

std::string_view text(LockCheck::State state) noexcept {
  constexpr std::array<std::string_view, 3> words = {"fits", "differs", "missing"};
  return words[static_cast<std::size_t>(state)];
}

std::string_view text(GraphState state) noexcept {
  constexpr std::array<std::string_view, 6> words = {"fits", "differs", "other-text", "missing", "damaged", "unknown"};
  return words[static_cast<std::size_t>(state)];
}

bool GraphCheck::fits() const noexcept {
  auto fits = [](const LockCheck& lock) { return lock.state == LockCheck::State::fits; };
  return state == GraphState::fits && std::all_of(locks.begin(), locks.end(), fits);
}

GraphCheck check_graph(const GenerateRequest& request) { return Checking(request).run(); }

}  // namespace karapace::project
