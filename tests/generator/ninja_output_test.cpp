// SPDX-License-Identifier: Apache-2.0
// What Ninja tells while it runs: taken apart, and of the real one.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/directory.hpp"
#include "generator/project/ninja.hpp"

namespace karapace::tests {

using namespace project;
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Told {
  std::vector<NinjaStatus> statuses;
  std::vector<std::string> lines;
  NinjaOutput::Reader reader() {
    return {[this](const NinjaStatus& status) { statuses.push_back(status); },
            [this](std::string_view line) { lines.emplace_back(line); }};
  }
};

std::string mark_of(const NinjaOutput& output) {
  const auto variable = output.variable();
  const auto start = variable.find('=') + 1;
  return variable.substr(start, variable.find('%') - start);
}

TEST(NinjaOutput, IsTakenApartHoweverItComes) {
  Told whole, pieces;
  NinjaOutput at_once(whole.reader()), byte_by_byte(pieces.reader());
  for (auto* output : {&at_once, &byte_by_byte}) {
    const auto mark = mark_of(*output);
    const auto text = "\r" + mark + "1 0 3 fetch a\x1b[K\r" + mark + "1 1 3 fetch a\x1b[K\nout\n\r" + mark +
                      "2 1 3 fetch b\x1b[K\nno end";
    if (output == &at_once) output->read(text);
    if (output == &byte_by_byte)
      for (char c : text) output->read(std::string(1, c));
    output->end();
  }
  EXPECT_THAT(whole.statuses, ElementsAre(NinjaStatus{1, 0, 3, "fetch a"}, NinjaStatus{1, 1, 3, "fetch a"},
                                          NinjaStatus{2, 1, 3, "fetch b"}));
  EXPECT_THAT(whole.lines, ElementsAre("out", "no end"));
  EXPECT_EQ(whole.statuses, pieces.statuses);
  EXPECT_EQ(whole.lines, pieces.lines);
}

TEST(NinjaOutput, TakesNothingThatACommandPrintsForAStatus) {
  Told told;
  NinjaOutput output(told.reader());
  output.read(
      "\r\x1e"
      "0123456789abcdef 7 7 7 fetch evil\x1b[K\n[1/2] x\n");
  EXPECT_THAT(told.statuses, IsEmpty());
  EXPECT_EQ(told.lines.size(), 2u);
}

class WatchedNinja : public ::testing::Test {
 protected:
  void write(const std::string& commands) const {
    std::ofstream(directory_.path() / "build.ninja") << "rule run\n  command = $command\n  description = $out is made\n"
                                                     << commands;
  }
  TemporaryDirectory directory_;
};

TEST_F(WatchedNinja, TellsWhenEachEdgeStartsAndEnds) {
  write("build a: run\n  command = touch a\nbuild b: run a\n  command = echo told; touch b\n");
  Told told;
  const auto end = watch_ninja({}, directory_.path(), told.reader(), [] {});
  EXPECT_EQ(end.status, 0);
  EXPECT_FALSE(end.signal);
  EXPECT_THAT(told.statuses, ElementsAre(NinjaStatus{1, 0, 2, "a is made"}, NinjaStatus{1, 1, 2, "a is made"},
                                         NinjaStatus{2, 1, 2, "b is made"}, NinjaStatus{2, 2, 2, "b is made"}));
  EXPECT_THAT(told.lines, Contains("told"));
}

TEST_F(WatchedNinja, PassesOnWhatAFailedCommandSaid) {
  write("build a: run\n  command = echo this is why; exit 3\n");
  Told told;
  EXPECT_EQ(watch_ninja({}, directory_.path(), told.reader(), [] {}).status, 1);
  EXPECT_THAT(told.lines, Contains("this is why"));
  EXPECT_THAT(told.lines, Contains(HasSubstr("FAILED: ")));
}

TEST_F(WatchedNinja, NothingIsCutHoweverLong) {
  const std::string name(3000, 'x');
  write("build a: run\n  command = true\n  description = " + name + "\n");
  Told told;
  watch_ninja({}, directory_.path(), told.reader(), [] {});
  EXPECT_THAT(told.statuses, Contains(NinjaStatus{1, 1, 1, name}));
}

TEST_F(WatchedNinja, QuietlySaysOnlyWhatFailed) {
  write("build a: run\n  command = touch a\nbuild b: run a\n  command = echo this is why; exit 3\ndefault a\n");
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_ninja_quietly({}, directory_.path()), 0);
  EXPECT_EQ(run_ninja_quietly({"b"}, directory_.path()), 1);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  const auto errors = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(errors, HasSubstr("this is why"));
  EXPECT_EQ(errors.find("a is made"), errors.npos) << errors;
}

}  // namespace
}  // namespace karapace::tests
