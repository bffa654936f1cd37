// SPDX-License-Identifier: Apache-2.0
// What `reproduce` found, and how it is told.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/file_comparison.hpp"
#include "cli/record_comparison.hpp"
#include "cli/recorded_graph.hpp"
#include "cli/variation.hpp"

namespace karapace::cli {

/// The first step that differs by itself.
struct FirstCause {
  std::optional<std::vector<FileDifference>> files;  // nothing: not known
  std::string note;     // why not, or what to do to know more; empty when there is nothing to say
  std::string failure;  // the end of the step's output when its commands failed the second time
};

struct Reproduction {
  RecordComparison comparison;
  std::optional<FirstCause> first;   // when there are causes
  std::vector<VariedThing> things;   // empty when nothing was built
  std::string against;               // the file that was compared with; empty when nothing was read
  std::optional<std::filesystem::path> kept;  // the second store, when it stays
};

/// Results on standard output, for people or as JSON.
void report(const Context& context, const RecordedGraph& graph, const Reproduction& reproduction);

}  // namespace karapace::cli
