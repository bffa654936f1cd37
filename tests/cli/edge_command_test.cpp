// SPDX-License-Identifier: Apache-2.0
#include "cli/edge_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const Step step = Step::normalised(StepKind::unpack, {{"format", "deb"}}, {StepKey(blake3("input"))});
const std::string output = "/s/steps/" + step.key().hex();
const std::string input = "/s/steps/" + blake3("input").hex();

std::string refusal(std::vector<std::string> words) {
  try {
    parse_edge_command(words);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(EdgeCommand, IsReadFromWords) {
  std::vector<std::string> words = {"unpack", output, "--hint", "name=git=2", "format=deb", "--", input};
  auto command = parse_edge_command(words);
  EXPECT_EQ(command.store, "/s");
  EXPECT_EQ(command.output, output);
  EXPECT_EQ(command.step, step);
  EXPECT_EQ(command.key, step.key());
  EXPECT_THAT(command.hints, ElementsAre(Pair("name", "git=2")));
}

TEST(EdgeCommand, IsReadFromAFile) {
  auto file = testing::TempDir() + "edge.args";
  write_file_atomically(file, "unpack '" + output + "' format='deb' --\n" + input + "\n", Durable::no);
  EXPECT_EQ(parse_edge_command(std::vector<std::string>{"@" + file}).step, step);
}

TEST(EdgeCommand, IsRefusedWhenItsFileIsMissing) {
  EXPECT_THAT(refusal({"@none/" + step.key().hex()}), HasSubstr(": `karapace gen` writes it again"));
}

TEST(EdgeCommand, IsRefusedWithTheRemedyWhenItsFileIsDamaged) {
  auto file = testing::TempDir() + "damaged.args";
  const auto whole = "unpack '" + output + "' format='deb' --\n" + input + "\n";
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    write_file_atomically(file, whole.substr(0, size), Durable::no);
    EXPECT_THAT(refusal({"@" + file}), HasSubstr("run karapace gen again")) << size;
  }
}

TEST(EdgeCommand, IsRefusedWhenTheKeyIsAnother) {
  EXPECT_THAT(refusal({"unpack", output, "format=tar", "--", input}), HasSubstr("give the key "));
  EXPECT_THAT(refusal({"unpack", output, "format=deb", "--"}), HasSubstr("give the key "));
}

TEST(EdgeCommand, IsRefusedWhenItIsNone) {
  EXPECT_THAT(refusal({}), HasSubstr("too few arguments; an edge's command is KIND OUT"));
  EXPECT_THAT(refusal({"bake", output}), HasSubstr("there is no kind of step \"bake\""));
  EXPECT_THAT(refusal({"unpack", "/s/steps/xyz"}), HasSubstr("\"/s/steps/xyz\" is not a step record"));
  EXPECT_THAT(refusal({"unpack", output, "format"}), HasSubstr("\"format\" is not NAME=VALUE"));
  EXPECT_THAT(refusal({"unpack", output, "format=deb", "format=deb"}), HasSubstr("\"format\" is given twice"));
  EXPECT_THAT(refusal({"unpack", output, "--hint"}), HasSubstr("--hint needs NAME=VALUE"));
  EXPECT_THAT(refusal({"unpack", output, "format=deb", "--", "x"}), HasSubstr("\"x\" is not a step record"));
}

TEST(SplitWords, UnderstandsQuotedWords) {
  EXPECT_THAT(split_words("a 'b c' d''e 'it'\\''s' ''\n\tf"), ElementsAre("a", "b c", "de", "it's", "", "f"));
  EXPECT_THROW(split_words("a 'b"), UsageError);
}

}  // namespace
}  // namespace karapace::cli
