// SPDX-License-Identifier: Apache-2.0
// The graph in the hands of a real ninja. The step program here only shows its arguments: what steps do is tested
// elsewhere.
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "base/durable_file.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "generator/graph/edge_arguments.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/graph/quoting.hpp"
#include "sample_lock.hpp"
#include "store/identifiers.hpp"

namespace karapace::tests {

using namespace graph;
using namespace lock;
namespace {

namespace fs = std::filesystem;
using karapace::testing::sample_archive_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_lock_with_everything;
using karapace::testing::sample_lock_with_layers;

class Ninja : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::path(::testing::TempDir()) / "karapace ninja $ 'XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    fs::create_directories(directory_ / ".karapace");
    fs::create_directories(directory_ / "store/steps");
    if (shell("command -v ninja").status != 0) GTEST_SKIP() << "ninja is not installed";
  }
  void TearDown() override { fs::remove_all(directory_); }

  struct Result {
    int status = 0;
    std::string output;
  };
  Result shell(const std::string& command) const {
    auto output = directory_ / "output";
    std::string line = "cd " + shell_quoted(directory_.native()) + " && { " + command + "\n} > output 2>&1";
    int status = std::system(line.c_str());
    return {WEXITSTATUS(status), read_file_if_exists(output).value_or("")};
  }
  /// A step program that writes its arguments, one per line, into its output.
  void write_program() const {
    write_file_atomically(directory_ / "step program", R"sh(#!/bin/sh
case $1 in @*) eval "set -- $(tr '\n' ' ' < "${1#@}")" ;; esac
printf '%s\n' "$@" > "$2"
)sh",
                          Durable::no, 0755);
    fs::permissions(directory_ / "step program", fs::perms::owner_all);
  }
  void write_graph(const std::vector<Lock>& locks) const {
    Graph graph = plan(locks);
    Local local{.store = directory_ / "store",
                .step_program = directory_ / "step program",
                .mirrors = directory_ / ".karapace/mirrors.json",
                .arguments = directory_ / "the store's graphs",
                .fetch_depth = 4,
                .install_depth = 2,
                .environments = {},
                .regenerate = {"touch", "build.ninja"},
                .sources = {directory_ / "karapace.toml"}};
    for (const auto& edge : graph.edges) {
      if (edge.step.kind != StepKind::environment) continue;
      local.environments.push_back({"my project", *EnvironmentId::from_hex(edge.step.required("lock")), edge.key});
    }
    fs::create_directories(local.arguments);
    for (const auto& edge : graph.edges) {
      if (!has_arguments_file(edge)) continue;
      write_file_atomically(local.arguments / edge.key.hex(), arguments_file_text(edge, local.store, local.mirrors),
                            Durable::no);
    }
    write_file_atomically(directory_ / "karapace.toml", "", Durable::no);
    write_file_atomically(directory_ / local_file, local_text(local), Durable::no);
    write_file_atomically(directory_ / "build.ninja", ninja_text(graph), Durable::no);
  }

  fs::path directory_;
};

TEST_F(Ninja, BuildsEveryEdgeOnceAndIsThenDone) {
  write_program();
  std::vector<Lock> locks = {sample_lock_with_everything(), sample_lock_with_layers(), sample_archive_lock({"jq"}),
                             sample_lock({"git"})};
  write_graph(locks);
  auto first = shell("ninja");
  EXPECT_EQ(first.status, 0) << first.output;
  for (const auto& edge : plan(locks).edges) {
    EXPECT_TRUE(fs::exists(directory_ / "store/steps" / edge.key.hex())) << description(edge);
  }
  EXPECT_NE(first.output.find("environment my project"), std::string::npos) << first.output;
  EXPECT_EQ(shell("ninja").output, "ninja: no work to do.\n");
}

TEST_F(Ninja, StepsGetTheirArgumentsUnharmed) {
  write_program();
  Lock lock = sample_lock_with_everything();
  write_graph({lock});
  ASSERT_EQ(shell("ninja").status, 0);
  for (const auto& edge : plan(std::vector{lock}).edges) {
    std::string expected = std::string(text(edge.step.kind)) + "\n";
    auto path = [&](const StepKey& key) { return (directory_ / "store/steps" / key.hex()).native() + "\n"; };
    expected += path(edge.key);
    if (edge.step.kind == StepKind::fetch) {
      expected += "--hint\nmirrors=" + (directory_ / ".karapace/mirrors.json").native() + "\n";
    }
    if (!edge.location.path.empty()) {
      expected += "--hint\narchive=" + edge.location.archive + "\n--hint\npath=" + edge.location.path + "\n";
    }
    for (const auto& [name, value] : edge.step.parameters) expected += name + "=" + value + "\n";
    expected += "--\n";
    for (const auto& input : edge.step.inputs) expected += path(input);
    EXPECT_EQ(read_file(directory_ / "store/steps" / edge.key.hex()), expected);
  }
}

TEST_F(Ninja, ManyArgumentsArriveThroughFilesThatStay) {
  write_program();
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back("package-" + std::to_string(100 + i));
  Lock lock = sample_lock(names);
  lock.run = {std::string(200'000, '\'')};
  write_graph({lock});
  auto built = shell("ninja -v");
  ASSERT_EQ(built.status, 0) << built.output;
  for (const auto& edge : plan(std::vector{lock}).edges) {
    auto record = directory_ / "store/steps" / edge.key.hex();
    std::string text = read_file(record);
    if (edge.step.kind == StepKind::setup) {
      EXPECT_NE(text.find("run=[\"" + lock.run[0] + "\"]\n"), std::string::npos);
    }
    if (!has_arguments_file(edge)) continue;
    for (const auto& input : edge.step.inputs) EXPECT_NE(text.find(input.hex()), std::string::npos);
    fs::remove(record);
    EXPECT_EQ(shell("'./step program' @\"the store's graphs\"/" + edge.key.hex()).status, 0);
    EXPECT_EQ(read_file(record), text);
  }
}

TEST_F(Ninja, NothingThatActsOnATerminalIsPrinted) {
  write_program();
  Lock lock = sample_lock_with_everything();
  lock.run = {"echo \x1b[2J\u009b\u202e\x7f"};
  ASSERT_FALSE(lock.files.empty());
  lock.files[0].target += "\u009b31m\u202e";
  lock.runtime.variables["A"] = "\u009b\u2066";
  write_graph({lock});
  auto built = shell("ninja -v");
  ASSERT_EQ(built.status, 0) << built.output;
  EXPECT_TRUE(is_printable(built.output)) << printable(built.output);
  fs::remove_all(directory_ / "store/steps");
  fs::create_directories(directory_ / "store/steps");
  auto told = shell("ninja -n");
  EXPECT_TRUE(is_printable(told.output)) << printable(told.output);
  EXPECT_NE(told.output.find("\\xc2\\x9b31m"), std::string::npos) << told.output;
}

TEST_F(Ninja, CommandsStayShort) {
  write_program();
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) names.push_back("package-" + std::to_string(100 + i));
  write_graph({sample_lock_with_everything(), sample_lock(names)});
  std::istringstream commands(shell("ninja -t commands").output);
  for (std::string line; std::getline(commands, line);) EXPECT_LT(line.size(), 1500u) << line;
  for (const auto& edge : plan(std::vector{sample_lock(names)}).edges) {
    if (!has_arguments_file(edge)) continue;
    auto query = shell("ninja -t query \"$PWD\"/store/steps/" + edge.key.hex());
    for (const auto& input : edge.step.inputs) EXPECT_NE(query.output.find(input.hex()), std::string::npos);
  }
}

TEST_F(Ninja, ToolsBehave) {
  write_program();
  write_graph({sample_lock_with_everything(), sample_lock({"git"})});
  for (const char* tool : {"-t graph", "-t commands", "-n", "-t rules", "-t targets all", "-t query 'my project'",
                           "-t deps", "-t compdb", "-t missingdeps"}) {
    auto result = shell(std::string("ninja ") + tool);
    EXPECT_EQ(result.status, 0) << tool << result.output;
  }
  EXPECT_TRUE(fs::is_empty(directory_ / "store/steps"));
  ASSERT_EQ(shell("ninja").status, 0);
}

TEST_F(Ninja, CleaningLeavesTheRecordsToTheOtherProjectsOfTheStore) {
  write_program();
  write_graph({sample_lock({"git"})});
  ASSERT_EQ(shell("ninja").status, 0);
  auto count = [&] { return std::distance(fs::directory_iterator(directory_ / "store/steps"), {}); };
  auto before = count();
  EXPECT_EQ(shell("ninja -t clean").status, 0);
  EXPECT_EQ(count(), before);
  EXPECT_TRUE(fs::exists(directory_ / "build.ninja"));
  EXPECT_EQ(shell("ninja").output, "ninja: no work to do.\n");
}

TEST_F(Ninja, RecordsOfAnotherBuildAreTakenAsTheyAre) {
  write_program();
  write_graph({sample_lock({"git"})});
  ASSERT_EQ(shell("ninja").status, 0);
  fs::remove(directory_ / ".ninja_log");
  EXPECT_EQ(shell("ninja").output, "ninja: no work to do.\n");
}

TEST_F(Ninja, CollectedRecordIsBuiltAgainAndThatSettles) {
  write_program();
  Lock lock = sample_lock({"git"});
  write_graph({lock});
  ASSERT_EQ(shell("ninja").status, 0);
  for (const auto& edge : plan(std::vector{lock}).edges) {
    if (edge.subject.starts_with("git")) fs::remove(directory_ / "store/steps" / edge.key.hex());
  }
  auto again = shell("ninja");
  EXPECT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(shell("ninja").output, "ninja: no work to do.\n");
}

TEST_F(Ninja, EnvironmentsCanBeNamed) {
  write_program();
  write_graph({sample_lock({"git"})});
  EXPECT_EQ(shell("ninja 'my project'").status, 0);
}

TEST_F(Ninja, SamuraiReadsTheSameGraph) {
  if (shell("command -v samu").status != 0) GTEST_SKIP() << "samurai is not installed";
  write_program();
  write_graph({sample_lock_with_everything()});
  auto built = shell("samu");
  EXPECT_EQ(built.status, 0) << built.output;
}

}  // namespace
}  // namespace karapace::tests
