// SPDX-License-Identifier: Apache-2.0
// Steps: content-addressed units of work, the edges of the graph.
//
// A step is its kind, its parameters and the keys of the steps it reads. Its key is the BLAKE3 of a canonical,
// versioned, length-prefixed encoding of exactly these (docs/hash-contract.md), so it is known when the graph is
// written. `for_each_field` is the one traversal that feeds both the key and its explanation.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.hpp"
#include "store/identifiers.hpp"

namespace karapace {

enum class StepKind { fetch, unpack, install, setup, commit, environment, pack, source, compile, assemble };

std::string_view text(StepKind kind) noexcept;
std::optional<StepKind> step_kind_from(std::string_view word) noexcept;

/// The number of the rules by which this release makes what a step of the kind makes, "" for kinds whose parameters say
/// all. It is a parameter of the step, so that results of other rules are never taken for these (docs/hash-contract.md,
/// which also says when to raise it).
std::string_view rules(StepKind kind) noexcept;

struct Parameter {
  std::string name;   // [a-z0-9-]+
  std::string value;  // any bytes but NUL
  auto operator<=>(const Parameter&) const = default;
};

/// The parameter `rules` of a kind that has one.
inline Parameter rules_of(StepKind kind) { return {"rules", std::string(rules(kind))}; }

struct Step {
  StepKind kind{};
  std::vector<Parameter> parameters;  // sorted by name, names unique (see `normalised`)
  std::vector<StepKey> inputs;        // in the order that the kind defines

  /// Sorts the parameters. Aborts when a name appears twice: that is a planner's bug.
  static Step normalised(StepKind kind, std::vector<Parameter> parameters, std::vector<StepKey> inputs);
  /// Calls `visit(name, value)` for every field that the key covers, in encoding order.
  void for_each_field(const std::function<void(std::string_view name, std::string_view value)>& visit) const;
  StepKey key() const;
  /// The parameter's value, or nothing.
  std::optional<std::string_view> parameter(std::string_view name) const noexcept;
  /// The parameter's value; StepError when it is missing.
  std::string_view required(std::string_view name) const;
  auto operator<=>(const Step&) const = default;
};

/// What `fetch` and `pack` steps made.
struct BlobOutput {
  BlobId blob;
  Sha256 sha256;
  std::uint64_t size = 0;
  // Of a packed layer what the archive is before it is compressed: images name their layers so. Both or none.
  std::optional<Sha256> diff_id = std::nullopt;
  std::optional<std::uint64_t> diff_size = std::nullopt;  // in bytes
  auto operator<=>(const BlobOutput&) const = default;
};
/// What `unpack`, `install`, `setup`, `commit`, `source`, `compile` and `assemble` made.
struct LayerOutput {
  LayerId layer;
  auto operator<=>(const LayerOutput&) const = default;
};
/// What an `environment` step made.
struct EnvironmentOutput {
  EnvironmentId environment;
  auto operator<=>(const EnvironmentOutput&) const = default;
};
using StepOutput = std::variant<BlobOutput, LayerOutput, EnvironmentOutput>;

/// The deterministic file `steps/<key>`: the step and what it made, sealed (seal.hpp). No times, hosts or paths.
struct StepRecord {
  Step step;
  StepOutput output;

  /// Canonical JSON with a final newline: two machines' records are compared with cmp(1).
  std::string text() const;
  /// Strict. Throws StoreError naming `what` when the text is not a record, or when the step in it has another key
  /// than `expected`.
  static StepRecord parse(std::string_view text, const StepKey& expected, std::string_view what);

  /// The output, which must be of this kind; StepError (naming the step) when it is not.
  const BlobOutput& blob() const;
  const LayerOutput& layer() const;
};

}  // namespace karapace
