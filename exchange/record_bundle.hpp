// SPDX-License-Identifier: Apache-2.0
// RecordBundle: the records of all steps that led to an environment, in one text that travels with it.
//
//   karapace records 1
//   <key> <length of the record's text, decimal>
//   <the text of steps/<key>>
//   ...
//
// Sorted so that a step's inputs stand before it; where there is a choice, the least key first. Records hold no times,
// hosts or paths, so whoever made the same environment has the same text. It travels compressed with zstd.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/identifiers.hpp"
#include "store/step.hpp"
#include "store/store.hpp"

namespace karapace::exchange {

struct RecordBundle {
  std::vector<StepRecord> records;  // the last is the environment's own

  /// The layers of the environment, bottom first.
  std::vector<LayerId> layers() const;
  EnvironmentId environment() const;
};

/// Of an environment that is built. StoreError when one of its records is not there.
RecordBundle bundle_of(const store::Store& store, const EnvironmentId& id);

std::string text(const RecordBundle& bundle);
/// What keys sign: the SHA-256 of the records' texts in the order of their keys (proof/statement.hpp).
Sha256 digest_of(const RecordBundle& bundle);
/// The same of a text of which nothing is known yet. RemoteError that begins with `what` when it is none.
Sha256 digest_of_text(std::string_view text, std::string_view what);
/// By their keys.
std::map<StepKey, StepRecord> records_of(const RecordBundle& bundle);
/// Strict: RemoteError that begins with `what` when it is no such text: a record that is not the step's that it is said
/// to be of, an input that is missing, a step that did not lead to the environment, anything out of order.
RecordBundle parse_bundle(std::string_view text, std::string_view what);

/// No bundle is longer: some 300,000 steps' worth.
inline constexpr std::size_t longest_bundle = std::size_t{256} << 20;

std::string compressed(std::string_view text);
/// RemoteError that begins with `what` when it is damaged, or longer than `longest_bundle`.
std::string decompressed(std::string_view bytes, std::string_view what);

}  // namespace karapace::exchange
