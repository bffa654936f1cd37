// SPDX-License-Identifier: Apache-2.0
#include "generator/timing/measured_graph.hpp"

#include <array>

#include <gtest/gtest.h>

#include "base/words.hpp"
#include "sample_lock.hpp"
#include "timing_sample.hpp"

namespace karapace::tests {

using namespace graph;
using namespace timing;
namespace {

using karapace::testing::built_one_by_one;
using karapace::testing::log_line;
using karapace::testing::sample_lock;
using std::chrono::nanoseconds;

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t monday = 1'700'000'000 * second;

using Numbers = std::vector<std::size_t>;

PerEdge<std::vector<EdgeIndex>> inputs_of(const std::vector<Numbers>& numbers) {
  PerEdge<std::vector<EdgeIndex>> inputs;
  for (const auto& of_one : numbers) {
    inputs.emplace_back();
    for (auto number : of_one) inputs.back().emplace_back(number);
  }
  return inputs;
}

Numbers numbers_of(const std::vector<EdgeIndex>& edges) {
  Numbers numbers;
  for (auto edge : edges) numbers.push_back(edge.value());
  return numbers;
}

PerEdge<Milliseconds> milliseconds(std::initializer_list<int> numbers) {
  PerEdge<Milliseconds> all;
  for (int number : numbers) all.emplace_back(number);
  return all;
}

TEST(CriticalPath, IsTheChainOfTheLongestSum) {
  //   0 ─ 1 ─ 3
  //   └─ 2 ──┘
  auto inputs = inputs_of({{}, {0}, {0}, {1, 2}});
  auto path = critical_path(inputs, milliseconds({5, 10, 20, 1}));
  EXPECT_EQ(numbers_of(path.edges), (Numbers{0, 2, 3}));
  EXPECT_EQ(path.duration, Milliseconds(26));
  EXPECT_EQ(numbers_of(critical_path(inputs, milliseconds({5, 20, 10, 1})).edges), (Numbers{0, 1, 3}));
}

TEST(CriticalPath, MayEndBeforeTheGraphDoes) {
  auto inputs = inputs_of({{}, {}, {1}});
  EXPECT_EQ(numbers_of(critical_path(inputs, milliseconds({50, 10, 20})).edges), (Numbers{0}));
}

TEST(CriticalPath, TakesMoreStepsWhereTimesAreEqual) {
  auto inputs = inputs_of({{}, {0}, {0, 1}});
  EXPECT_EQ(numbers_of(critical_path(inputs, milliseconds({1, 0, 1})).edges), (Numbers{0, 1, 2}));
}

TEST(CriticalPath, IsTheSameWhateverTheOrderOfEdges) {
  auto inputs = inputs_of({{1, 2}, {3}, {3}, {}});
  EXPECT_EQ(numbers_of(critical_path(inputs, milliseconds({1, 10, 20, 5})).edges), (Numbers{3, 2, 0}));
}

TEST(CriticalPath, IsEmptyWithoutTimes) {
  EXPECT_TRUE(critical_path({}, {}).edges.empty());
  auto inputs = inputs_of({{}, {0}});
  EXPECT_TRUE(critical_path(inputs, milliseconds({0, 0})).edges.empty());
}

TEST(CriticalPath, SurvivesARing) {
  auto inputs = inputs_of({{1}, {0}, {}});
  EXPECT_EQ(numbers_of(critical_path(inputs, milliseconds({9, 9, 1})).edges), (Numbers{2}));
}

Graph graph_of(const std::vector<std::string>& packages) { return plan(std::array{sample_lock(packages)}); }

TEST(MeasuredGraph, StepsHaveTheTimesOfTheirRecords) {
  auto graph = graph_of({"git"});
  auto measured = measure(graph, {}, built_one_by_one(graph, monday));
  auto count = graph.edges.size();
  EXPECT_EQ(measured.built, count);
  EXPECT_EQ(measured.timed, count);
  ASSERT_TRUE(measured.last_build);
  EXPECT_EQ(measured.last_build->steps, count);
  EXPECT_EQ(measured.last_build->hits, 0u);
  EXPECT_EQ(measured.last_build->duration, measured.work);
  for (auto i : measured.measurements.indices()) {
    EXPECT_EQ(measured.measurements[i].work, Milliseconds(10 * (i.value() + 1)));
    EXPECT_EQ(measured.measurements[i].last->duration(), Milliseconds(10 * (i.value() + 1)));
  }
  EXPECT_EQ(measured.critical.edges.back(), EdgeIndex(count - 1));
}

TEST(MeasuredGraph, ALaterHitDoesNotHideTheWork) {
  auto graph = graph_of({"git"});
  auto evidence = built_one_by_one(graph, monday);
  auto later =
      parse_ninja_log("# ninja log v5\n" + log_line(1, 4, monday, "/store/steps/" + graph.edges[0].key.hex()), "log");
  evidence.logs[0].content.entries.push_back(later.entries[0]);
  auto measured = measure(graph, {}, evidence);
  EXPECT_EQ(measured.measurements[EdgeIndex(0)].work, Milliseconds(10));
  EXPECT_EQ(measured.measurements[EdgeIndex(0)].last->duration(), Milliseconds(3));
  EXPECT_TRUE(measured.measurements[EdgeIndex(0)].last->hit);
  EXPECT_EQ(measured.measurements[EdgeIndex(0)].time(), Milliseconds(10));
  EXPECT_EQ(measured.last_build->steps, 1u);
  EXPECT_EQ(measured.last_build->hits, 1u);
  EXPECT_FALSE(measured.measurements[EdgeIndex(1)].last);
}

TEST(MeasuredGraph, StepsMadeElsewhereAreHitsWithoutWork) {
  auto graph = graph_of({"git"});
  auto evidence = built_one_by_one(graph, monday);
  for (auto& record : evidence.records) *record -= std::chrono::hours(1);
  auto measured = measure(graph, {}, evidence);
  EXPECT_EQ(measured.built, graph.edges.size());
  EXPECT_EQ(measured.timed, 0u);
  EXPECT_TRUE(measured.critical.edges.empty());
  EXPECT_EQ(measured.last_build->hits, graph.edges.size());
}

TEST(MeasuredGraph, OlderLogsTellTheWorkThatTheNewestFound) {
  auto graph = graph_of({"git"});
  auto evidence = built_one_by_one(graph, monday);
  auto hits = evidence;
  for (auto& entry : hits.logs[0].content.entries) entry.stamp = nanoseconds(0);
  evidence.logs.insert(evidence.logs.begin(), hits.logs[0]);
  auto measured = measure(graph, {}, evidence);
  EXPECT_EQ(measured.timed, graph.edges.size());
  EXPECT_EQ(measured.last_build->hits, graph.edges.size());
}

TEST(MeasuredGraph, WithoutALogNothingButRecordsIsKnown) {
  auto graph = graph_of({"git"});
  Evidence evidence;
  evidence.records.assign(graph.edges.size(), std::nullopt);
  evidence.records.front() = nanoseconds(monday);
  auto measured = measure(graph, {}, evidence);
  EXPECT_EQ(measured.built, 1u);
  EXPECT_FALSE(measured.last_build);
  EXPECT_FALSE(measured.measurements[EdgeIndex(0)].time());
}

TEST(MeasuredGraph, OtherCommandsCountOnceWithAllTheirOutputs) {
  auto graph = graph_of({"git"});
  auto evidence = built_one_by_one(graph, monday);
  int end = 100'000;
  auto log =
      parse_ninja_log("# ninja log v5\n" + log_line(7, end, monday + end * std::int64_t{1'000'000}, "lib.so", 0xabc) +
                          log_line(7, end, monday + end * std::int64_t{1'000'000}, "lib.so.1", 0xabc),
                      "log");
  for (const auto& entry : log.entries) evidence.logs[0].content.entries.push_back(entry);
  auto measured = measure(graph, {}, evidence);
  ASSERT_EQ(measured.last_build->others.size(), 1u);
  EXPECT_EQ(measured.last_build->others[0].outputs, (std::vector<std::string>{"lib.so", "lib.so.1"}));
  EXPECT_EQ(measured.last_build->duration, Milliseconds(end));
}

TEST(MeasuredGraph, KnowsBytesAndPackages) {
  auto measured = measure(graph_of({"git", "jq"}), {}, {});
  for (auto i : measured.measurements.indices()) {
    const auto& edge = measured.edge(i);
    if (edge.step.kind == StepKind::fetch || edge.step.kind == StepKind::unpack) {
      EXPECT_EQ(bytes_of(measured, i), edge.weight);
      EXPECT_FALSE(packages_of(measured, i));
    } else if (edge.step.kind == StepKind::install) {
      EXPECT_EQ(packages_of(measured, i), 2u);
    }
  }
}

TEST(Amounts, ReadWell) {
  EXPECT_EQ(duration_text(Milliseconds(0)), "0 ms");
  EXPECT_EQ(duration_text(Milliseconds(999)), "999 ms");
  EXPECT_EQ(duration_text(Milliseconds(1000)), "1.0 s");
  EXPECT_EQ(duration_text(Milliseconds(59'949)), "59.9 s");
  EXPECT_EQ(duration_text(Milliseconds(59'950)), "1 min 0 s");
  EXPECT_EQ(duration_text(Milliseconds(4'320'000)), "1 h 12 min");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1 << 20), "1.0 MiB");
  EXPECT_EQ(size_text(~std::uint64_t{0}), "16.0 EiB");
  EXPECT_EQ(counted(1, "step"), "1 step");
  EXPECT_EQ(counted(999, "step"), "999 steps");
  EXPECT_EQ(counted(1234567, "step"), "1,234,567 steps");
}

}  // namespace
}  // namespace karapace::tests
