// SPDX-License-Identifier: Apache-2.0
// RecordDocument: what steps made, in one file that another machine compares its own steps with (docs/ci.md).
//
// It holds no times, hosts or paths: two machines that built the same write the same bytes. It is sealed
// (base/json/seal.hpp), which finds damage and is no signature.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/step.hpp"

namespace karapace::proof {

struct ExportedStep {
  StepKey key;
  StepKind kind{};
  std::string title;  // for people: "install 184 packages"
  StepOutput output;
  std::optional<std::string> listing = std::nullopt;  // of the layer, when it was asked for
};

/// A line per step, in the given order.
std::string document_text(const std::vector<ExportedStep>& steps);

/// The largest document that is read, in bytes.
constexpr std::size_t largest_document = std::size_t{1} << 30;

/// Strict inverse. Error "NAME:line:column: ..." when the text is no such document, "NAME: ..." when it was changed
/// since it was written.
std::vector<ExportedStep> parse_document(std::string_view text, std::string_view name);

}  // namespace karapace::proof
