// SPDX-License-Identifier: Apache-2.0
// Comparing what the steps of a graph made here with what they made elsewhere: first the records, then the files of two
// layers.
//
// A step whose outputs differ although its inputs are the same is a cause. What differs after a cause (it read
// something else) is a consequence, and nobody's fault.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/graph/graph.hpp"
#include "store/listing.hpp"
#include "store/step.hpp"

namespace karapace::proof {

using Outputs = std::map<StepKey, StepOutput>;

struct Divergence {
  StepKey step;
  std::optional<StepOutput> first;
  std::optional<StepOutput> second;  // nothing: there the step made nothing
};

struct RecordComparison {
  std::size_t steps = 0;
  std::size_t same = 0;
  std::vector<Divergence> causes;     // in the graph's order
  std::vector<StepKey> consequences;  // so too
};

/// Of every edge, whose inputs come before it. An environment is a consequence of every layer that differs, since its
/// own output is only its name.
RecordComparison compare(const graph::Graph& graph, const Outputs& first, const Outputs& second);

/// The layer among outputs; null when it is something else, or nothing.
const LayerId* layer_of(const std::optional<StepOutput>& output) noexcept;

// Which files of two layers differ, and how, for people: what, and for small text files the lines.

struct LayerSide {
  store::Listing listing;
  std::optional<std::filesystem::path> tree;  // nothing: only the listing is known here
};

struct FileDifference {
  std::string path;                // absolute inside, escaped
  std::vector<std::string> what;   // "content", "mode", ..., "only in the first", "only in the second"
  std::vector<std::string> shown;  // "mode 0644 became 0600", "- a line", "+ another line"
  std::string raw_path = {};       // as it is on disk
  bool needs_tool = false;         // the content differs, and not in lines that people can read
};

/// In the order of paths. Reads the files that it shows, without following links out of a tree; runs where every file
/// can be read. The lines of the first `shown_files` are shown, of each the first few.
std::vector<FileDifference> compare_files(const LayerSide& first, const LayerSide& second, std::size_t shown_files);

/// The lines that differ between two texts, "- " of the first before "+ " of the second, shortened: what is equal at
/// the beginning and the end is left out.
std::vector<std::string> differing_lines(const std::string& first, const std::string& second);

}  // namespace karapace::proof
