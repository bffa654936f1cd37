// SPDX-License-Identifier: Apache-2.0
// The program as people and scripts meet it: standard output, standard error, exit status.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "base/directory.hpp"
#include "base/nearest_word.hpp"
#include "cli/command.hpp"

namespace karapace::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Result {
  int status = -1;
  std::string text;
};

/// Runs `karapace ARGUMENTS` through sh(1), so that redirections may follow.
Result karapace(const std::string& arguments, const std::filesystem::path& directory = ".") {
  auto* stream = ::popen(fmt::format("cd '{}' && {} {}", directory.native(), KARAPACE_PROGRAM, arguments).c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer{};
  for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), stream)) > 0;)
    text.append(buffer.data(), got);
  int status = ::pclose(stream);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text};
}

TEST(Program, TellsItsVersion) {
  EXPECT_THAT(karapace("--version").text, StartsWith("karapace 1."));
  EXPECT_EQ(nlohmann::json::parse(karapace("--version --json").text).at("program"), "karapace");
}

TEST(Program, ExplainsItselfWithoutAStoreOrAHome) {
  auto help = karapace("--help");
  EXPECT_EQ(help.status, 0);
  for (const auto& entry : command_table()) EXPECT_THAT(help.text, HasSubstr(entry.name));
}

TEST(Program, HasHelpWithExamplesForEveryCommand) {
  for (const auto& entry : command_table()) {
    auto command = entry.make();
    EXPECT_EQ(command.text.name, entry.name);
    EXPECT_FALSE(command.text.summary.empty()) << entry.name;
    EXPECT_FALSE(command.text.summary.ends_with('.')) << entry.name;
    EXPECT_FALSE(command.text.examples.empty()) << entry.name;
    auto help = karapace(std::string(entry.name) + " --help");
    EXPECT_EQ(help.status, 0) << entry.name;
    EXPECT_THAT(help.text, HasSubstr("Usage: karapace " + std::string(entry.name)));
    for (const auto& option : command.options.all()) EXPECT_FALSE(option.help.empty()) << option.names;
  }
}

TEST(Program, RefusesAWrongCommandLineOnStandardErrorWithStatusOne) {
  EXPECT_EQ(karapace("2>/dev/null").status, 1);
  auto unknown = karapace("lst 2>&1 >/dev/null");
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.text, StartsWith("karapace: error: there is no command \"lst\"; did you mean \"list\"?"));
}

TEST(Program, NamesTheCommandThatWasMeant) {
  const auto told = [](const std::string& word) { return karapace(word + " 2>&1").text; };
  EXPECT_THAT(told("ls"), HasSubstr("did you mean \"list\"?"));
  EXPECT_THAT(told("verfy"), HasSubstr("did you mean \"verify\"?"));
  EXPECT_THAT(told("prune"), HasSubstr("did you mean \"gc\"?"));
  EXPECT_THAT(told("tool"), HasSubstr("did you mean \"toolchain\"?"));
  EXPECT_THAT(told("''"), HasSubstr("there is no command \"\"; see karapace --help"));
}

TEST(Program, TakesGlobalOptionsBetweenTheWordsOfACommand) {
  EXPECT_THAT(karapace("graph --json diff --help").text, HasSubstr("karapace.help"));
  EXPECT_THAT(karapace("graph --store /nowhere diff --help").text, StartsWith(karapace("graph diff --help").text));
  EXPECT_THAT(karapace("graph --json 2>&1").text, HasSubstr("graph: which command?"));
}

TEST(Program, HelpRefusesWordsThatNameNoCommand) {
  EXPECT_EQ(karapace("help gc").text, karapace("gc --help").text);
  EXPECT_EQ(karapace("help graph diff").text, karapace("graph diff --help").text);
  auto result = karapace("help gc extra 2>&1");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.text, HasSubstr("help: unexpected word \"extra\""));
}

TEST(Program, TheJsonOfACommandThatIsPassedOnIsNotOurs) {
  EXPECT_THAT(karapace("exec --bogus . ls --json 2>&1").text, StartsWith("karapace: error: "));
  EXPECT_THAT(karapace("exec --bogus --json . ls 2>/dev/null").text, HasSubstr("karapace.error"));
}

TEST(Program, PrintsErrorsAsOneJsonDocument) {
  auto unknown = karapace("frobnicate --json 2>/dev/null");
  EXPECT_EQ(unknown.status, 1);
  auto document = nlohmann::json::parse(unknown.text);
  EXPECT_EQ(document.at("document"), "karapace.error");
  auto error = document.at("error");
  EXPECT_EQ(error.at("code"), "usage");
  EXPECT_EQ(error.at("exit_status"), 1);
  EXPECT_EQ(error.at("message"), "there is no command \"frobnicate\"; see karapace --help");
}

TEST(Program, EndsQuietlyWhenNobodyReads) {
  auto result = karapace("--help 2>&1 >/dev/full");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.text, HasSubstr("cannot write to standard output: No space left on device"));
  EXPECT_EQ(karapace("--help 2>&1 | true").text, "");
}

TEST(Program, SaysWhatIsTakenFromACacheWithoutKeys) {
  const TemporaryDirectory configuration("configuration");
  ::setenv("XDG_CONFIG_HOME", configuration.path().c_str(), 1);
  EXPECT_THAT(karapace("cache add bundle ./there --offline 2>&1").text,
              HasSubstr("no environment is taken from it, only packages, by their digests"));
  EXPECT_THAT(karapace("cache list").text, HasSubstr("nobody: only packages, by their digests"));
}

TEST(Program, AsksForADestinationWhereThereIsNoProject) {
  const TemporaryDirectory elsewhere("elsewhere");
  const auto result = karapace("release list 2>&1", elsewhere.path());
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.text, HasSubstr("--destination DIR"));
  EXPECT_THAT(karapace("release list -m gone 2>&1", elsewhere.path()).text, HasSubstr("there is no manifest"));
}

TEST(Suggestion, IsTheNearestWord) {
  std::array<std::string_view, 3> words = {"list", "lock", "explain"};
  EXPECT_EQ(nearest_word("lsit", words), "list");
  EXPECT_EQ(nearest_word("explian", words), "explain");
  EXPECT_EQ(nearest_word("zzz", words), std::nullopt);
}

}  // namespace
}  // namespace karapace::cli
