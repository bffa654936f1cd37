// SPDX-License-Identifier: Apache-2.0
// What a build's progress says, of a small graph and a clock made by hand.
#include "cli/build_progress.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/generator/sample_lock.hpp"

namespace karapace::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using timing::EdgeIndex;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

lock::Lock three_packages() {
  auto lock = karapace::testing::sample_lock({"editor"});
  for (auto* packages : {&lock.base, &lock.packages})
    for (auto& package : *packages) package.size = package.name == "editor" ? 40 * mebibyte : 10 * mebibyte;
  return lock;
}

class Progress : public ::testing::Test {
 protected:
  static timing::MeasuredGraph measured(timing::Evidence evidence = {}) {
    const auto lock = three_packages();
    return timing::measure(graph::plan(std::span(&lock, 1)), {}, evidence);
  }

  Progress() : graph_(measured()) {}

  BuildProgress progress(const std::vector<EarlierStep>& earlier = {}) const { return {measured(), earlier, 2, at(0)}; }
  static BuildProgress::Time at(int after) { return BuildProgress::Time() + milliseconds(after); }

  EdgeIndex edge(StepKind kind, std::string_view subject = "") const {
    for (auto index : graph_.measurements.indices()) {
      const auto& one = graph_.edge(index);
      if (one.step.kind == kind && one.subject.find(subject) != std::string::npos) return index;
    }
    throw std::out_of_range(std::string(subject));
  }
  std::string description(EdgeIndex index) const { return graph::description(graph_.edge(index)); }
  StepKey key(EdgeIndex index) const { return graph_.edge(index).key; }

  void start(BuildProgress& progress, EdgeIndex index, int after) {
    ++status_.started;
    tell(progress, index, after);
  }
  void finish(BuildProgress& progress, EdgeIndex index, int after) {
    ++status_.finished;
    tell(progress, index, after);
  }
  void do_all(BuildProgress& progress, StepKind kind, int from, int until) {
    for (auto index : graph_.measurements.indices()) {
      if (graph_.edge(index).step.kind != kind) continue;
      start(progress, index, from);
      finish(progress, index, until);
    }
  }
  void tell(BuildProgress& progress, EdgeIndex index, int after) {
    status_.total = graph_.graph.edges.size();
    status_.description = description(index);
    progress.note(status_, at(after));
  }

  timing::MeasuredGraph graph_;
  project::NinjaStatus status_;
};

TEST_F(Progress, CountsBytesOfFinishedAndOfRunningDownloads) {
  auto build = progress();
  EXPECT_EQ(build.bytes().total / mebibyte, 60u);  // and the lock itself
  EXPECT_EQ(build.packages().total, 3u);
  const auto editor = edge(StepKind::fetch, "editor");
  const auto libc = edge(StepKind::fetch, "libc6");
  start(build, libc, 0);
  start(build, editor, 0);
  finish(build, libc, 1000);
  build.note_downloads({{key(editor), 5 * mebibyte}, {key(libc), 3 * mebibyte}}, at(1000));
  EXPECT_EQ(build.bytes().done, 15 * mebibyte);
  finish(build, editor, 2000);
  build.note_downloads({}, at(2000));
  EXPECT_EQ(build.bytes().done, 50 * mebibyte);
}

TEST_F(Progress, StepsThatHaveRecordsAreNoWork) {
  timing::Evidence evidence;
  for (std::size_t i = 0; i < graph_.graph.edges.size(); ++i) evidence.records.push_back(std::chrono::nanoseconds(1));
  const BuildProgress build(measured(std::move(evidence)), {}, 2, at(0));
  EXPECT_EQ(build.bytes().total, 0u);
  EXPECT_EQ(build.packages().total, 0u);
  EXPECT_FALSE(build.awaited(at(0)));
}

TEST_F(Progress, SaysNothingOfATimeThatNobodyKnows) {
  const auto build = progress();
  EXPECT_FALSE(build.time_left(at(0)).whole);
  EXPECT_THAT(build.lines(at(0), 200)[0], Not(HasSubstr("left")));
}

TEST_F(Progress, AtLeastWhatIsKnownIsLeft) {
  auto build = progress();
  const auto editor = edge(StepKind::fetch, "editor");
  start(build, editor, 0);
  build.note_downloads({{key(editor), 0}}, at(0));
  build.note_downloads({{key(editor), 20 * mebibyte}}, at(2000));
  EXPECT_FALSE(build.time_left(at(2000)).whole);
  EXPECT_EQ(build.time_left(at(2000)).known, seconds(4));  // 40 MiB at 10 MiB/s
  EXPECT_THAT(build.lines(at(2000), 200)[0], HasSubstr("20.0 MiB of 60.0 MiB, 10.0 MiB/s"));
  EXPECT_THAT(build.lines(at(2000), 200)[0], HasSubstr("at least 4 s left"));
}

TEST_F(Progress, EarlierBuildsTellHowLongTheRestTakes) {
  auto build = progress({{StepKind::install, 10, seconds(20)}, {StepKind::environment, 1, milliseconds(10)}});
  do_all(build, StepKind::fetch, 0, 1000);
  do_all(build, StepKind::unpack, 1000, 2000);
  const auto left = build.time_left(at(2000));
  EXPECT_TRUE(left.whole);
  EXPECT_NEAR(static_cast<double>(left.known.count()), 3 * 2000 + 10, 5);  // two packages of the base, then one
  EXPECT_THAT(build.lines(at(2000), 200)[0], HasSubstr("about 7 s left"));
}

TEST_F(Progress, AStepThatTakesLongerThanThoughtIsNotNearlyDone) {
  auto build = progress({{StepKind::install, 1, seconds(1)}, {StepKind::environment, 1, milliseconds(10)}});
  do_all(build, StepKind::fetch, 0, 1000);
  do_all(build, StepKind::unpack, 1000, 2000);
  start(build, edge(StepKind::install), 2000);
  EXPECT_TRUE(build.time_left(at(3000)).whole);
  EXPECT_FALSE(build.time_left(at(9000)).whole);
}

TEST_F(Progress, NamesTheStepThatTheEndWaitsForLongest) {
  auto build = progress();
  const auto editor = edge(StepKind::fetch, "editor");
  EXPECT_THAT(build.lines(at(0), 200),
              ElementsAre("[0/0] 0 B of 60.0 MiB, 0 of 3 packages, 0 s", "  next: fetch editor 1.0-1"));
  for (auto index : graph_.measurements.indices()) {
    if (graph_.edge(index).step.kind == StepKind::fetch) start(build, index, 0);
  }
  build.note_downloads({{key(editor), mebibyte}}, at(3000));
  EXPECT_EQ(build.lines(at(3000), 200)[1], "  waiting for: fetch editor 1.0-1 (1.0 MiB of 40.0 MiB, 3 s)");
  EXPECT_EQ(build.lines(at(3000), 20)[1], "  waiting for: fetch");
}

TEST_F(Progress, AnEnvironmentIsKnownByAnyNameThatAProjectGivesIt) {
  auto build = progress();
  auto status =
      project::NinjaStatus{1, 0, 9, "environment my project " + graph_.edge(edge(StepKind::environment)).subject};
  build.note(status, at(0));
  status.finished = 1;
  build.note(status, at(1000));
  EXPECT_NE(build.awaited(at(1000)), std::optional(edge(StepKind::environment)));
  EXPECT_EQ(build.summary(at(1000)), "1 step in 1 s");
}

TEST(Cut, CountsCharactersNotBytes) {
  EXPECT_EQ(cut("größer", 3), "grö");
  EXPECT_EQ(cut("größer", 6), "größer");
  EXPECT_EQ(cut("", 3), "");
}

}  // namespace
}  // namespace karapace::cli
