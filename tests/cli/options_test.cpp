// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace karapace::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Fields {
  bool dry_run = false;
  int verbosity = 0;
  std::string store;
  std::vector<std::string> keep;
  std::optional<std::string> environment;
  std::uint64_t depth = 4;
  std::vector<std::string> command;
};

Options options_for(Fields& fields) {
  Options options;
  options.flag("-n,--dry-run", fields.dry_run, "");
  options.counter("-v,--verbose", fields.verbosity, "");
  options.value("--store", "PATH", fields.store, "");
  options.value("--keep", "ENV", fields.keep, "");
  options.value("--depth", "N", fields.depth, "");
  options.positional("ENV", fields.environment, "", Options::Presence::required);
  return options;
}

Fields parsed(std::vector<std::string> words) {
  Fields fields;
  parse(options_for(fields), "gc", words);
  return fields;
}

Fields parsed_with_rest(std::vector<std::string> words) {
  Fields fields;
  auto options = options_for(fields);
  options.rest("COMMAND", fields.command, "", Options::Presence::required);
  parse(options, "exec", words);
  return fields;
}

std::string refusal(std::vector<std::string> words) {
  try {
    parsed(std::move(words));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Options, NeverTakeAnOptionForAValue) {
  for (const char* next : {"--keep", "--keep=x", "-n", "-nv"})
    EXPECT_THAT(refusal({"--store", next, "."}), testing::HasSubstr("--store needs a value")) << next;
  EXPECT_EQ(parsed({"--store", "-x", "."}).store, "-x") << "what is no option of this command";
  EXPECT_EQ(parsed({"--store=-n", "."}).store, "-n");
}

TEST(Options, RefuseAnEmptyValueHoweverItIsWritten) {
  EXPECT_THAT(refusal({"--store=", "."}), testing::HasSubstr("--store needs a value"));
  EXPECT_THAT(refusal({"--store", "", "."}), testing::HasSubstr("--store needs a value"));
}

TEST(Options, WordsTakeWhatFollowsThem) {
  auto upgrade = [](std::vector<std::string> words) {
    std::optional<std::vector<std::string>> taken;
    bool locked = false;
    Options options;
    options.words("--upgrade", "PACKAGE", taken, "");
    options.flag("--locked", locked, "");
    parse(options, "gen", words);
    return taken;
  };
  EXPECT_EQ(upgrade({}), std::nullopt);
  EXPECT_EQ(upgrade({"--upgrade"}), std::vector<std::string>{});
  EXPECT_EQ(upgrade({"--upgrade", "--locked"}), std::vector<std::string>{});
  EXPECT_EQ(upgrade({"--upgrade", "git", "curl", "--locked"}), (std::vector<std::string>{"git", "curl"}));
}

TEST(Options, AreBoundToFields) {
  auto fields = parsed({"-n", "--keep", "a", "hello", "--keep=b", "-vv", "--depth", "9", "--store", "/s"});
  EXPECT_TRUE(fields.dry_run);
  EXPECT_EQ(fields.verbosity, 2);
  EXPECT_EQ(fields.store, "/s");
  EXPECT_EQ(fields.depth, 9U);
  EXPECT_EQ(fields.environment, "hello");
  EXPECT_THAT(fields.keep, ElementsAre("a", "b"));
}

TEST(Options, AreNoMoreAfterTwoDashes) {
  EXPECT_EQ(parsed({"-n", "--", "-v"}).environment, "-v");
  EXPECT_EQ(parsed({"-"}).environment, "-");
}

TEST(Options, KeepTheirDefaults) {
  auto fields = parsed({"."});
  EXPECT_FALSE(fields.dry_run);
  EXPECT_EQ(fields.depth, 4U);
  EXPECT_THAT(fields.keep, IsEmpty());
}

TEST(Options, AreRefusedWithTheWayToHelp) {
  EXPECT_EQ(refusal({}), "gc: ENV is missing; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--bogus"}), "gc: there is no option \"--bogus\"; see karapace gc --help");
  EXPECT_EQ(refusal({".", "x"}), "gc: unexpected word \"x\"; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--depth", "many"}), "gc: --depth: \"many\" is not a whole number; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--depth", "-3"}), "gc: --depth: \"-3\" is not a whole number; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--depht", "3"}),
            "gc: there is no option \"--depht\"; did you mean \"--depth\"?; see karapace gc --help");
  EXPECT_EQ(refusal({"--bogus"}), "gc: there is no option \"--bogus\"; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--dry-run=false"}), "gc: --dry-run takes no value; see karapace gc --help");
  EXPECT_EQ(refusal({".", "-n=1"}), "gc: --dry-run takes no value; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--keep", "-n"}), "gc: --keep needs a value: --keep ENV; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--keep="}), "gc: --keep needs a value: --keep ENV; see karapace gc --help");
  EXPECT_EQ(refusal({".", "-nq"}), "gc: there is no option \"-q\"; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--depth", "18446744073709551616"}),
            "gc: --depth: \"18446744073709551616\" is not a whole number; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--store"}), "gc: --store needs a value: --store PATH; see karapace gc --help");
  EXPECT_EQ(refusal({".", "--store", "a", "--store", "b"}),
            "gc: --store is given more than once; see karapace gc --help");
  EXPECT_EQ(refusal({""}), "gc: ENV is an empty word; see karapace gc --help");
  EXPECT_EQ(refusal({".", "-né"}), "gc: there is no option \"-é\"; see karapace gc --help");
}

TEST(Options, PassOnWhatFollowsTheFirstForeignWord) {
  auto fields = parsed_with_rest({"-v", ".", "git", "--version", "-v", "--", "x"});
  EXPECT_EQ(fields.verbosity, 1);
  EXPECT_EQ(fields.environment, ".");
  EXPECT_THAT(fields.command, ElementsAre("git", "--version", "-v", "--", "x"));
}

TEST(Options, PassOnWhatFollowsTwoDashes) {
  auto fields = parsed_with_rest({"--store", "/s", ".", "-v", "--", "-x", "--", ""});
  EXPECT_EQ(fields.store, "/s");
  EXPECT_EQ(fields.verbosity, 1);
  EXPECT_THAT(fields.command, ElementsAre("-x", "--", ""));
}

TEST(Options, NeedACommandToPassOn) {
  EXPECT_THROW(parsed_with_rest({"."}), UsageError);
  EXPECT_THROW(parsed_with_rest({".", "--"}), UsageError);
}

TEST(Options, AskForHelpOnlyInTheirOwnWords) {
  Fields fields;
  auto options = options_for(fields);
  options.rest("COMMAND", fields.command, "");
  EXPECT_TRUE(asks_for_help(options, std::vector<std::string>{"-h"}));
  EXPECT_TRUE(asks_for_help(options, std::vector<std::string>{".", "--help"}));
  EXPECT_TRUE(asks_for_help(options, std::vector<std::string>{"-vh", "."}));
  EXPECT_TRUE(asks_for_help(options, std::vector<std::string>{"-nhv", "."}));
  EXPECT_FALSE(asks_for_help(options, std::vector<std::string>{"-xh", "."})) << "x is no flag: the parser refuses it";
  EXPECT_FALSE(asks_for_help(options, std::vector<std::string>{".", "git", "--help"}));
  EXPECT_FALSE(asks_for_help(options, std::vector<std::string>{".", "--", "-h"}));
}

}  // namespace
}  // namespace karapace::cli
