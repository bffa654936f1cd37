// SPDX-License-Identifier: Apache-2.0
// Reproduction: steps run once more, or compared with what another machine made of them, and what came out of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proof/comparison.hpp"
#include "proof/record_document.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/variation.hpp"

namespace karapace::proof {

// Rebuild: runs the steps of a graph once more, in an empty store, under other circumstances.
//
// The bytes of fetch steps come from the first store's blobs, verified by their digests as any download is; so no
// network is needed. Everything else is made anew by ninja.

struct RebuildRequest {
  const store::Store& store;
  const RecordedGraph& graph;
  std::filesystem::path place;  // an empty directory: becomes the home of everything that is made
  std::set<std::string> same;   // of variation_names: what stays as it is
  bool other_order = false;     // of directories, which is the same in every build otherwise
  std::optional<std::uint64_t> jobs;
  bool is_verbose = false;  // every command, as `ninja -v` shows it
};

struct Rebuild {
  std::filesystem::path store;      // the second store's root
  int status = 0;                   // ninja's
  std::vector<VariedThing> things;  // in the order of variation_names
};

/// Ninja's progress goes to standard error. A step that fails is no error here: see Rebuild::status.
Rebuild rebuild(const RebuildRequest& request);

// What `reproduce` found.

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
