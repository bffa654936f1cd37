// SPDX-License-Identifier: Apache-2.0
// Evidence of builds: Ninja's log and the store's records, read for `measure`.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "generator/timing/measured_graph.hpp"

namespace karapace::project {

constexpr std::string_view ninja_log_name = ".ninja_log";

/// The logs in `directories`, where ninja ran, and in their .karapace/build, where `karapace build` runs it: our graphs
/// have it keep them in .karapace there. The one that was written last is first.
std::vector<std::filesystem::path> logs_in(std::span<const std::filesystem::path> directories);

/// Error when it can not be read, or is no log of Ninja.
timing::Evidence::Log read_log(const std::filesystem::path& path);

/// `logs`: the one that tells the last build first. They tell where records are; of steps that they do not name,
/// `store` does.
timing::Evidence read_evidence(const graph::Graph& graph, const std::filesystem::path& store,
                               std::vector<timing::Evidence::Log> logs);

}  // namespace karapace::project
