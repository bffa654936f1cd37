// SPDX-License-Identifier: Apache-2.0
// Records of all steps of a lock, as if they had been run: their outputs are made of their keys.
#pragma once

#include <map>
#include <vector>

#include "generator/graph/graph.hpp"

namespace karapace::testing {

inline StepOutput made_output(const lock::Lock& lock, const graph::Edge& edge) {
  const auto digest = blake3("made by " + edge.key.hex());
  if (edge.step.kind == StepKind::fetch) return BlobOutput{BlobId(digest), Sha256(digest), 1};
  if (edge.step.kind == StepKind::environment) return EnvironmentOutput{lock::environment_id(lock)};
  return LayerOutput{LayerId(digest)};
}

inline std::map<StepKey, StepRecord> made_records(const lock::Lock& lock) {
  std::map<StepKey, StepRecord> records;
  const auto graph = graph::plan(std::vector{lock});
  for (const auto& edge : graph.edges) records.emplace(edge.key, StepRecord{edge.step, made_output(lock, edge)});
  return records;
}

}  // namespace karapace::testing
