// SPDX-License-Identifier: Apache-2.0
// What `reproduce` found.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "proof/file_comparison.hpp"
#include "proof/record_comparison.hpp"
#include "proof/record_document.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/variation.hpp"

namespace karapace::proof {

/// The first step that differs by itself.
struct FirstCause {
  std::optional<std::vector<FileDifference>> files;  // nothing: not known
  std::string note;     // why not, or what to do to know more; empty when there is nothing to say
  std::string failure;  // the end of the step's output when its commands failed the second time
};

struct Reproduction {
  RecordComparison comparison;
  std::optional<FirstCause> first;            // when there are causes
  std::vector<VariedThing> things;            // empty when nothing was built
  std::string against;                        // the file that was compared with; empty when nothing was read
  std::optional<std::filesystem::path> kept;  // the second store, when it stays
};

/// Comparing this store's records with those that another machine exported, without their bytes.
struct ReadDocument {
  std::string file;  // as it was named
  std::vector<ExportedStep> steps;
};

/// Error when there is no such file, or it is no such document.
ReadDocument read_document(const std::string& file);

/// All its steps. NotFoundError, with the remedy, when one of them is not built here.
RecordedGraph graph_of_document(const store::Store& store, const ReadDocument& document);

/// The records here are the first, the document's the second. NotFoundError when the document lacks a step.
Reproduction compare_with_document(const store::Store& store, const RecordedGraph& graph, const ReadDocument& document);

}  // namespace karapace::proof
