// SPDX-License-Identifier: Apache-2.0
// A graph with measurements, made by hand: what a build of sample locks might have left behind.
#pragma once

#include <string>
#include <vector>

#include "generator/timing/measured_graph.hpp"

namespace karapace::testing {

/// A line of Ninja's log, times in milliseconds.
std::string log_line(int start, int end, std::int64_t stamp_ns, const std::string& output, std::uint64_t command = 1);

/// Builds the graph's steps one after the other, step i taking 10 * (i + 1) ms, and returns what that leaves. The run
/// begins at `begin_ns`, a wall clock.
timing::Evidence built_one_by_one(const graph::Graph& graph, std::int64_t begin_ns);

/// Two environments, "app" and "ci", with a base and some packages in common.
timing::MeasuredGraph sample_measured_graph();

}  // namespace karapace::testing
