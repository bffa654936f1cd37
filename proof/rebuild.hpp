// SPDX-License-Identifier: Apache-2.0
// Rebuild: runs the steps of a graph once more, in an empty store, under other circumstances.
//
// The bytes of fetch steps come from the first store's blobs, verified by their digests as any download is; so no
// network is needed. Everything else is made anew by ninja.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "proof/recorded_graph.hpp"
#include "proof/variation.hpp"

namespace karapace::proof {

struct RebuildRequest {
  const store::Store& store;
  const RecordedGraph& graph;
  std::filesystem::path place;  // an empty directory: becomes the home of everything that is made
  std::set<std::string> same;   // of variation_names: what stays as it is
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

}  // namespace karapace::proof
