// SPDX-License-Identifier: Apache-2.0
// Evidence of builds: Ninja's log and the store's records, read for `measure`.
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "generator/timing/measured_graph.hpp"

namespace karapace::generator {

constexpr std::string_view ninja_log_name = ".ninja_log";

/// The log that was written last of those in `directories` and in their .karapace/build (that is where `karapace build`
/// runs ninja).
std::optional<std::filesystem::path> newest_log(std::span<const std::filesystem::path> directories);

/// Where the records are is told by the log; of steps that it does not name, `store`. Error when `log` can not be read.
Evidence read_evidence(const Graph& graph, const std::filesystem::path& store,
                       const std::optional<std::filesystem::path>& log);

}  // namespace karapace::generator
