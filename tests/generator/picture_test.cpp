// SPDX-License-Identifier: Apache-2.0
// Pictures and traces of measured graphs: what is folded into what, and the documents byte for byte.
#include <algorithm>
#include <array>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "accept.hpp"
#include "generator/timing/dot_text.hpp"
#include "generator/timing/overview.hpp"
#include "sample_lock.hpp"
#include "timing_sample.hpp"

namespace karapace::tests {

using namespace graph;
using namespace timing;
namespace {

using karapace::testing::expect_golden;
using karapace::testing::sample_archive_lock;
using karapace::testing::sample_lock;
using karapace::testing::sample_measured_graph;
using karapace::testing::tests_directory;
using Kind = OverviewNode::Kind;

std::vector<std::size_t> counts(const Overview& overview, Kind kind) {
  std::vector<std::size_t> sizes;
  for (const auto& node : overview.nodes) {
    if (node.kind == kind) sizes.push_back(node.edges.size());
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

TEST(Overview, HasEveryEdgeOnce) {
  auto measured = sample_measured_graph();
  std::set<EdgeIndex> seen;
  for (const auto& node : overview(measured).nodes) {
    for (auto edge : node.edges) EXPECT_TRUE(seen.insert(edge).second);
  }
  EXPECT_EQ(seen.size(), measured.graph.edges.size());
}

TEST(Overview, FoldsPackagesByWhoInstallsThem) {
  auto measured =
      measure(plan(std::array{sample_lock({"git", "curl", "jq"}), sample_lock({"git", "curl", "gdb"})}), {}, {});
  auto folded = overview(measured);
  // libc6 and dpkg of the base, git and curl of both, jq, gdb: each with a fetch and an unpack.
  EXPECT_EQ(counts(folded, Kind::packages), (std::vector<std::size_t>{2, 2, 4, 4}));
  EXPECT_EQ(counts(folded, Kind::install), (std::vector<std::size_t>{1, 1, 1}));
  EXPECT_EQ(counts(folded, Kind::environment), (std::vector<std::size_t>{2, 2}));  // with their locks
}

TEST(Overview, JoinsTheSmallestGroupsWhenThereAreTooMany) {
  auto measured =
      measure(plan(std::array{sample_lock({"git", "curl", "jq"}), sample_lock({"git", "curl", "gdb"})}), {}, {});
  EXPECT_EQ(counts(overview(measured, 3), Kind::packages), (std::vector<std::size_t>{4, 4, 4}));
  EXPECT_EQ(counts(overview(measured, 1), Kind::packages), (std::vector<std::size_t>{12}));
}

TEST(Overview, LeavesOutArrowsThatALongerWayImplies) {
  auto measured = measure(plan(std::array{sample_lock({"git"})}), {}, {});
  auto folded = overview(measured);
  const auto& environment = folded.nodes.back();
  ASSERT_EQ(environment.kind, Kind::environment);
  ASSERT_EQ(environment.inputs.size(), 1u);
  const auto& install = folded.nodes[environment.inputs[0]];
  EXPECT_EQ(install.kind, Kind::install);
  EXPECT_EQ(install.inputs.size(), 2u);  // its packages and the base
}

TEST(Overview, KeepsArchivesAndFilesApartFromPackages) {
  auto lock = sample_archive_lock({"jq"});
  lock.files = {{"motd", "/etc/motd", 0644, blake3("hello\n"), 6}};
  auto folded = overview(measure(plan(std::array{lock}), {}, {}));
  EXPECT_EQ(counts(folded, Kind::archive), std::vector<std::size_t>{2});
  EXPECT_EQ(counts(folded, Kind::files), std::vector<std::size_t>{1});
  EXPECT_EQ(counts(folded, Kind::packages), std::vector<std::size_t>{2});
}

TEST(Picture, IsAsAccepted) {
  auto measured = sample_measured_graph();
  auto golden = tests_directory() / "generator/golden";
  expect_golden(golden / "show.dot", overview_dot(measured, overview(measured)));
  expect_golden(golden / "show-full.dot", full_dot(measured));
  expect_golden(golden / "show.json", graph_json(measured));
  expect_golden(golden / "trace.json", trace_text(measured, "app"));
}

TEST(Picture, NotBuiltIsAsAccepted) {
  auto measured = measure(plan(std::array{sample_lock({"git"})}), {}, {});
  auto golden = tests_directory() / "generator/golden";
  expect_golden(golden / "show-unbuilt.dot", overview_dot(measured, overview(measured)));
}

/// A graph in which every text is as hostile as a lock allows, and more.
MeasuredGraph hostile_graph() {
  auto measured = sample_measured_graph();
  for (auto& edge : measured.graph.edges) edge.subject = "a\"b<B>&amp;\\N\\\\ \xc3\xa9\xff\x01 -->";
  for (auto& [step, name] : measured.names) name = "</TD>\"\\l\xe2\x82\xac\xc3";
  return measured;
}

TEST(Picture, NamesAreNeverMarkup) {
  auto measured = hostile_graph();
  for (const auto& dot : {overview_dot(measured, overview(measured)), full_dot(measured)}) {
    EXPECT_EQ(dot.find("<B>&amp;"), std::string::npos);
    EXPECT_EQ(dot.find('\\'), std::string::npos);
    EXPECT_EQ(dot.find('\xff'), std::string::npos);
    EXPECT_NE(dot.find("&lt;B&gt;&amp;amp;&#92;"), std::string::npos);
  }
}

TEST(Documents, AreJsonWhateverTheNames) {
  auto measured = hostile_graph();
  auto document = nlohmann::json::parse(graph_json(measured));
  EXPECT_EQ(document["steps"].size(), measured.graph.edges.size());
  EXPECT_EQ(document["steps"][0]["subject"], "a\"b<B>&amp;\\x5cN\\x5c\\x5c \xc3\xa9\\xff\\x01 -->");
  EXPECT_EQ(nlohmann::json::parse(trace_text(measured, "\"\\\x80")).count("traceEvents"), 1u);
}

TEST(Documents, OfAnEmptyGraphAreWhole) {
  auto measured = measure({}, {}, {});
  auto document = nlohmann::json::parse(graph_json(measured));
  EXPECT_TRUE(document["steps"].empty());
  EXPECT_TRUE(document["last_build"].is_null());
  EXPECT_EQ(nlohmann::json::parse(trace_text(measured, "x"))["traceEvents"].size(), 1u);
}

TEST(Rows, AreAsFewAsOverlapAllows) {
  auto span = [](int start, int end) { return Span{Milliseconds(start), Milliseconds(end)}; };
  std::vector<Span> spans = {span(0, 10), span(0, 5), span(5, 8), span(9, 12), span(10, 11), span(3, 3)};
  EXPECT_EQ(rows_of(spans), (std::vector<std::size_t>{0, 1, 1, 1, 0, 2}));
  EXPECT_TRUE(rows_of({}).empty());
}

TEST(Trace, KeepsToTheFormat) {
  auto measured = sample_measured_graph();
  auto trace = nlohmann::json::parse(trace_text(measured, "app"));
  std::map<std::pair<int, int>, std::int64_t> free_from;  // of each row
  std::size_t slices = 0;
  for (const auto& event : trace["traceEvents"]) {
    auto row = std::pair(event.at("pid").get<int>(), event.at("tid").get<int>());
    EXPECT_TRUE(event.at("name").is_string());
    if (event.at("ph") != "X") continue;
    ++slices;
    EXPECT_GE(event.at("ts").get<std::int64_t>(), free_from[row]);
    free_from[row] = event["ts"].get<std::int64_t>() + event.at("dur").get<std::int64_t>();
    EXPECT_TRUE(event.at("args").is_object());
  }
  EXPECT_EQ(slices, measured.graph.edges.size());
}

TEST(Trace, ArrowsBeginAndEndInsideSlices) {
  auto measured = sample_measured_graph();
  auto trace = nlohmann::json::parse(trace_text(measured, "app"));
  auto inside = [&](const nlohmann::json& end) {
    return std::any_of(trace["traceEvents"].begin(), trace["traceEvents"].end(), [&](const nlohmann::json& event) {
      return event["ph"] == "X" && event["tid"] == end["tid"] && event["ts"] <= end["ts"] &&
             end["ts"].get<std::int64_t>() < event["ts"].get<std::int64_t>() + event["dur"].get<std::int64_t>();
    });
  };
  std::map<int, std::string> ends;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "s" && event["ph"] != "f") continue;
    ends[event.at("id").get<int>()] += event["ph"].get<std::string>();
    EXPECT_TRUE(inside(event)) << event;
  }
  EXPECT_EQ(ends.size() + 1, waited_for(measured).size());
  for (const auto& [id, phases] : ends) EXPECT_EQ(phases, "sf");
}

TEST(Trace, TheChainEndsWithTheBuild) {
  auto measured = sample_measured_graph();
  auto chain = waited_for(measured);
  ASSERT_FALSE(chain.empty());
  EXPECT_EQ(chain.back().value(), measured.graph.edges.size() - 1);
  for (std::size_t i = 1; i < chain.size(); ++i) {
    const auto& inputs = measured.inputs[chain[i]];
    EXPECT_TRUE(std::find(inputs.begin(), inputs.end(), chain[i - 1]) != inputs.end());
  }
}

}  // namespace
}  // namespace karapace::tests
