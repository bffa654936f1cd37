// SPDX-License-Identifier: Apache-2.0
// Comparing this store's records with those that another machine exported, without their bytes.
#pragma once

#include <string>
#include <vector>

#include "proof/record_document.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/reproduction.hpp"

namespace karapace::proof {

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
