// SPDX-License-Identifier: Apache-2.0
// What the table of commands completes; tests/shells has it in real shells.
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "store/environment.hpp"
#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/reference.hpp"
#include "store/root.hpp"
#include "tests/cli/program_fixture.hpp"

namespace karapace::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using Paths = Completion::Paths;

std::vector<Candidate> two_names(const std::string& store) {
  if (store == "/other") return {{"elsewhere", ""}};
  return {{"hello", "/projects/hello/karapace.toml"}, {"other", "/projects/other/karapace.toml"}};
}

Completion completed(const std::vector<std::string>& words) { return complete(words, two_names); }

std::vector<std::string> words_for(const std::vector<std::string>& words) {
  std::vector<std::string> found;
  for (const auto& candidate : completed(words).candidates) found.push_back(candidate.word);
  return found;
}

TEST(Completion, KnowsEveryCommandAndItsSummary) {
  std::set<std::string> first_words;
  for (const auto& entry : command_table()) first_words.emplace(entry.name.substr(0, entry.name.find(' ')));
  first_words.insert("help");
  EXPECT_THAT(words_for({""}), ::testing::ElementsAreArray(first_words));
  EXPECT_THAT(words_for({"verify"}), ElementsAre("verify", "verify-store"));
  EXPECT_THAT(completed({"lis"}).candidates, ElementsAre(Candidate{"list", "List the environments"}));
  EXPECT_THAT(words_for({"no-such"}), IsEmpty());
  EXPECT_THAT(words_for({"no-such", ""}), IsEmpty());
}

TEST(Completion, KnowsTheSecondWordsOfCommands) {
  EXPECT_THAT(words_for({"graph", ""}), ElementsAre("diff", "show", "trace"));
  EXPECT_THAT(words_for({"graph", "--json", "s"}), ElementsAre("show"));
  EXPECT_THAT(words_for({"help", "graph", "d"}), ElementsAre("diff"));
  EXPECT_THAT(words_for({"help", "g"}), ElementsAre("gc", "gen", "graph"));
  EXPECT_THAT(words_for({"help", "list", ""}), IsEmpty());
}

TEST(Completion, GlobalOptionsMayStandBeforeTheCommand) {
  EXPECT_THAT(words_for({"--j"}), ElementsAre("--json"));
  EXPECT_THAT(words_for({"--json", "lis"}), ElementsAre("list"));
  EXPECT_EQ(completed({"--store", ""}).paths, Paths::directories);
  EXPECT_THAT(words_for({"--store", "/other", "exec", ""}), ElementsAre("elsewhere"));
  EXPECT_THAT(words_for({"exec", "--store=/other", ""}), ElementsAre("elsewhere"));
}

TEST(Completion, OffersOptionsThatMayStillBeGiven) {
  EXPECT_THAT(words_for({"gc", "--"}), IsSupersetOf({"--dry-run", "--keep", "--store", "--json", "--help"}));
  EXPECT_THAT(words_for({"gc", "--dry-run", "--"}), Not(Contains("--dry-run")));
  EXPECT_THAT(words_for({"gc", "-n", "--"}), Not(Contains("--dry-run")));
  EXPECT_THAT(words_for({"gc", "--keep", "hello", "--keep", "other", "--k"}), ElementsAre("--keep"));
  EXPECT_THAT(words_for({"gc", "--verbose", "--verb"}), ElementsAre("--verbose"));
}

TEST(Completion, CompletesValues) {
  EXPECT_THAT(words_for({"new", "--template", "m"}), ElementsAre("minimal"));
  EXPECT_THAT(words_for({"new", "-t", "c"}), ElementsAre("cmake"));
  const auto assigned = completed({"new", "--template=c"});
  EXPECT_EQ(assigned.prefix, "--template=");
  EXPECT_THAT(assigned.candidates, ElementsAre(Candidate{"cmake", ""}));
  EXPECT_THAT(words_for({"gc", "--keep", "h"}), ElementsAre("hello"));
  EXPECT_EQ(completed({"gen", "-C", ""}).paths, Paths::directories);
  EXPECT_EQ(completed({"graph", "trace", "--output="}).paths, Paths::files);
  EXPECT_THAT(words_for({"completions", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(words_for({"list", ""}), IsEmpty());
}

TEST(Completion, CompletesEnvironmentsByNameOrPath) {
  EXPECT_EQ(completed({"exec", "h"}).candidates, (std::vector<Candidate>{{"hello", "/projects/hello/karapace.toml"}}));
  EXPECT_EQ(completed({"exec", "h"}).paths, Paths::none);
  EXPECT_EQ(completed({"exec", "./h"}).paths, Paths::files);
  EXPECT_EQ(completed({"enter", "--ephemeral", ""}).candidates.size(), 2u);
  EXPECT_THAT(words_for({"inspect", "hello", ""}), IsEmpty());
  EXPECT_THAT(words_for({"reproduce", "hello", ""}), ElementsAre("hello", "other"));
}

TEST(Completion, LeavesTheCommandThatRunsInsideToTheShell) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"exec", "hello", ""}, {"exec", "hello", "--", "-"}, {"exec", "hello", "make", "--"}}) {
    EXPECT_EQ(completed(words).paths, Paths::files);
    EXPECT_THAT(completed(words).candidates, IsEmpty());
  }
}

class Completions : public ProgramTest {};

TEST_F(Completions, NamesAreThoseOfTheStoreNow) {
  for (int i = 0; i < 20; ++i) {
    const auto name = fmt::format("env{:02}", i);
    store::add_root(store_, {name, "/projects/" + name + "/karapace.toml", EnvironmentId(blake3(name)), 1, 2, {}});
  }
  EXPECT_EQ(karapace("completions bash -- exec env1").output,
            "none\nenv10\nenv11\nenv12\nenv13\nenv14\nenv15\nenv16\nenv17\nenv18\nenv19\n");
  store::remove_root(store_, "/projects/env15/karapace.toml");
  const auto answer = nlohmann::json::parse(karapace("--json completions bash -- exec env15").output);
  EXPECT_EQ(answer["candidates"].size(), 0u);
}

TEST_F(Completions, WordsComeAsEachShellReadsThem) {
  store::add_root(store_, {"a", "/projects/a:b/karapace.toml", EnvironmentId(blake3("a")), 1, 2, {}});
  EXPECT_EQ(karapace("completions bash -- exec ''").output, "none\na\n");
  EXPECT_EQ(karapace("completions fish -- exec ''").output, "none\na\t/projects/a:b/karapace.toml\n");
  EXPECT_EQ(karapace("completions zsh -- exec ''").output, "none\na:/projects/a:b/karapace.toml\n");
  EXPECT_EQ(karapace("completions bash -- new --template = m").output, "none\nminimal\n");
  EXPECT_EQ(karapace("completions zsh -- new --template=m").output, "none\n--template=minimal\n");
  EXPECT_EQ(karapace("completions bash -- gen -C ''").output, "directories\n");
}

TEST_F(Completions, NamesOfInstancesAreAmongThem) {
  const auto environment = store::environment_of(store_, "an image");
  store::add_environment(store_, environment);
  store::add_root(store_, {"project", "/projects/project/karapace.toml", environment.id, 1, 2, {}});
  store::open_instance(store_, store::resolve_reference(store_, "project", "/"));
  EXPECT_EQ(karapace("rename project mine").status, 0);
  EXPECT_EQ(karapace("completions bash -- stop ''").output, "none\nmine\nproject\n");
  EXPECT_EQ(karapace("completions fish -- exec m").output, "none\nmine\tan instance\n");
}

TEST_F(Completions, AStoreThatIsNotThereHasNoNames) {
  EXPECT_EQ(karapace("completions bash -- --store /not/there exec ''").output, "none\n");
}

TEST_F(Completions, OtherShellsAreRefused) {
  const auto result = karapace("completions tcsh");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("there is no script for \"tcsh\", only for bash, zsh and fish"));
}

}  // namespace
}  // namespace karapace::cli
