// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/ninja_log.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "timing_sample.hpp"

namespace karapace::tests {

using namespace timing;
namespace {

using karapace::testing::log_line;
using std::chrono::nanoseconds;

std::string error_of(std::string_view text) {
  try {
    parse_ninja_log(text, "out/.ninja_log");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(NinjaLog, LinesOfEveryKnownVersionAreRead) {
  for (unsigned version = 5; version <= 7; ++version) {
    auto log = parse_ninja_log(
        "# ninja log v" + std::to_string(version) + "\n6\t44\t1795260686789694973\ta b.o\t5dadf27d0eafc544\n", "log");
    EXPECT_EQ(log.version, version);
    LogEntry entry{Milliseconds(6), Milliseconds(44), nanoseconds(1795260686789694973), "a b.o", 0x5dadf27d0eafc544};
    EXPECT_EQ(log.entries, std::vector{entry});
    EXPECT_EQ(log.malformed, 0u);
  }
}

TEST(NinjaLog, WhatIsNoLogIsRefused) {
  EXPECT_EQ(error_of("rule cc\n"), "out/.ninja_log is no log of ninja");
  EXPECT_EQ(error_of("# ninja log vfive\n"), "out/.ninja_log is no log of ninja");
  EXPECT_EQ(error_of("# ninja log v4\n"),
            "out/.ninja_log is a log of version 4, and only 5 to 7 are known: build with another ninja");
  EXPECT_EQ(error_of("# ninja log v8\n1\t2\t3\to\t4\n"),
            "out/.ninja_log is a log of version 8, and only 5 to 7 are known: build with another ninja");
}

TEST(NinjaLog, AnEmptyFileIsALogOfNothing) {
  auto log = parse_ninja_log("", "log");
  EXPECT_TRUE(log.entries.empty());
  EXPECT_TRUE(last_run(log, std::nullopt).empty());
}

TEST(NinjaLog, HalfALastLineIsPassedOver) {
  auto whole = "# ninja log v5\n" + log_line(0, 5, 1, "a") + log_line(5, 9, 1, "b");
  for (std::size_t cut = 1; cut < 10; ++cut) {
    auto log = parse_ninja_log(whole.substr(0, whole.size() - cut), "log");
    EXPECT_EQ(log.entries.size(), 1u);
    EXPECT_EQ(log.malformed, 1u);
  }
}

TEST(NinjaLog, DamagedLinesAreCountedAndPassedOver) {
  for (const char* line :
       {"", "1", "1\t2\t3\to", "1\t2\t3\to\t4\t5", "x\t2\t3\to\t4", "2\t1\t3\to\t4", "-1\t2\t3\to\t4",
        "1\t99999999999\t3\to\t4", "1\t2\t99999999999999999999\to\t4", "1\t2\t-3\to\t4", "1\t2\t3\t\t4",
        "1\t2\t3\to\txyz", "1\t2\t3\to\t", "\t\t\t\t", "# ninja log v5"}) {
    auto log = parse_ninja_log("# ninja log v5\n" + std::string(line) + "\n" + log_line(0, 5, 1, "a"), "log");
    EXPECT_EQ(log.entries.size(), 1u) << line;
    EXPECT_EQ(log.malformed, 1u) << line;
  }
}

TEST(NinjaLog, SamuraisLogHasNoTimes) {
  EXPECT_FALSE(parse_ninja_log("# ninja log v7\n0\t0\t1795260686789694973\ta\t1\n", "log").has_times());
  EXPECT_TRUE(parse_ninja_log("# ninja log v7\n0\t1\t1795260686789694973\ta\t1\n", "log").has_times());
}

// The last run: outputs of its entries, in the order of the log.
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t monday = 1'700'000'000 * second;

class Log {
 public:
  explicit Log(unsigned version) : text_("# ninja log v" + std::to_string(version) + "\n"), version_(version) {}

  /// A command that wrote its output just before it ended.
  Log& work(std::int64_t begin, int start, int end, const std::string& output, std::uint64_t command = 0) {
    text_ +=
        log_line(start, end, begin + (end - 1) * std::int64_t{1'000'000}, output, command == 0 ? next_++ : command);
    return *this;
  }
  /// A command that found its output as it should be; version 5 stamps it with the time of an input.
  Log& hit(std::int64_t begin, int start, int end, const std::string& output) {
    auto stamp = version_ == 5 ? monday - 90 * second : begin + start * std::int64_t{1'000'000};
    text_ += log_line(start, end, stamp, output, next_++);
    return *this;
  }
  std::vector<std::string> last() const {
    auto log = parse_ninja_log(text_, "log");
    std::vector<std::string> outputs;
    for (auto index : last_run(log, std::nullopt)) outputs.push_back(log.entries[index].output);
    return outputs;
  }

 private:
  std::string text_;
  unsigned version_;
  std::uint64_t next_ = 1;
};

class LastRun : public ::testing::TestWithParam<unsigned> {};
using Outputs = std::vector<std::string>;

TEST_P(LastRun, OfASingleRunIsAllOfIt) {
  EXPECT_EQ(Log(GetParam()).work(monday, 0, 30, "a").hit(monday, 1, 31, "b").work(monday, 30, 900, "c").last(),
            (Outputs{"a", "b", "c"}));
  EXPECT_EQ(Log(GetParam()).last(), Outputs{});
}

TEST_P(LastRun, BeginsWhereTimesGoBack) {
  auto tuesday = monday + 86400 * second;
  EXPECT_EQ(Log(GetParam())
                .work(monday, 0, 30, "a")
                .work(monday, 30, 900, "b")
                .hit(tuesday, 0, 4, "c")
                .work(tuesday, 4, 80, "d")
                .last(),
            (Outputs{"c", "d"}));
}

TEST_P(LastRun, BeginsWhereAnOutputIsMadeAgain) {
  auto tuesday = monday + 86400 * second;
  EXPECT_EQ(Log(GetParam()).work(monday, 0, 30, "a").work(tuesday, 0, 40, "a").work(tuesday, 0, 41, "b").last(),
            (Outputs{"a", "b"}));
}

TEST_P(LastRun, IsToldFromAShorterOneBeforeByTheWallClock) {
  auto tuesday = monday + 86400 * second;
  EXPECT_EQ(Log(GetParam()).work(monday, 0, 300, "a").work(tuesday, 2, 5000, "b").work(tuesday, 5000, 5001, "c").last(),
            (Outputs{"b", "c"}));
  auto soon = monday + second;
  EXPECT_EQ(Log(GetParam()).work(monday, 0, 300, "a").work(soon, 2, 5000, "b").last(), (Outputs{"b"}));
}

TEST_P(LastRun, EndsTheOneThatWroteTheBuildFile) {
  auto later = monday + second;
  EXPECT_EQ(Log(GetParam())
                .work(monday, 0, 40, "build.ninja", 7)
                .work(monday, 0, 40, "cmake_install.cmake", 7)
                .work(later, 3, 60, "a")
                .last(),
            Outputs{"a"});
  EXPECT_EQ(Log(GetParam()).work(monday, 3, 60, "a").work(later, 0, 400, "build.ninja").last(), Outputs{"a"});
}

TEST_P(LastRun, IsFoundInALogThatWasWrittenAnew) {
  auto tuesday = monday + 86400 * second;
  EXPECT_EQ(Log(GetParam())
                .work(monday, 900, 1900, "e")
                .work(tuesday, 0, 700, "b")
                .work(monday, 0, 30, "f")
                .work(tuesday, 0, 650, "d")
                .work(monday, 30, 40, "a")
                .work(monday, 20, 35, "g")
                .work(tuesday, 100, 200, "c")
                .last(),
            (Outputs{"b", "d", "c"}));
}

INSTANTIATE_TEST_SUITE_P(Versions, LastRun, ::testing::Values(5u, 6u, 7u));

TEST(LastRun, DoesNotBelieveStampsAfterTheLogWasWritten) {
  auto log = parse_ninja_log("# ninja log v5\n" + log_line(0, 30, monday + 29'000'000, "a") +
                                 log_line(0, 200, monday + 9000 * second, "copied from the future") +
                                 log_line(200, 250, monday + 249'000'000, "b"),
                             "log");
  EXPECT_EQ(last_run(log, nanoseconds(monday + second)).size(), 3u);
}

TEST(LastRun, OfHitsAloneIsFoundByTheOrder) {
  std::string text = "# ninja log v5\n" + log_line(0, 30, monday, "a", 1) + log_line(30, 900, monday, "b", 2) +
                     log_line(0, 3, 5 * second, "a", 1) + log_line(3, 5, 0, "b", 2);
  EXPECT_EQ(last_run(parse_ninja_log(text, "log"), std::nullopt, {false, false, true, true}),
            (std::vector<std::size_t>{2, 3}));
}

}  // namespace
}  // namespace karapace::tests
