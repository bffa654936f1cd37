// SPDX-License-Identifier: Apache-2.0
#include "timing_sample.hpp"

#include <array>

#include <fmt/format.h>

#include "sample_lock.hpp"

namespace karapace::testing {

using namespace graph;
using namespace timing;

std::string log_line(int start, int end, std::int64_t stamp_ns, const std::string& output, std::uint64_t command) {
  return fmt::format("{}\t{}\t{}\t{}\t{:x}\n", start, end, stamp_ns, output, command);
}

Evidence built_one_by_one(const Graph& graph, std::int64_t begin_ns) {
  std::string log = "# ninja log v5\n";
  Evidence evidence;
  int now = 0;
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    int end = now + 10 * (static_cast<int>(i) + 1);
    auto stamp = begin_ns + (end - 1) * std::int64_t{1'000'000};
    log += log_line(now, end, stamp, "/store/steps/" + graph.edges[i].key.hex(), i);
    evidence.records.emplace_back(stamp);
    now = end;
  }
  evidence.logs.push_back({.content = parse_ninja_log(log, "log")});
  return evidence;
}

MeasuredGraph sample_measured_graph() {
  std::array locks = {sample_lock_with_everything(), sample_lock({"git", "jq"})};
  auto graph = plan(locks);
  EnvironmentNames names;
  for (const auto& edge : graph.edges) {
    if (edge.step.kind == StepKind::environment) names[edge.key] = names.empty() ? "app" : "ci";
  }
  auto evidence = built_one_by_one(graph, 1'700'000'000'000'000'000);
  return measure(std::move(graph), std::move(names), evidence);
}

}  // namespace karapace::testing
