// SPDX-License-Identifier: Apache-2.0
// Graph: the steps that locks need, as values (docs/hash-contract.md).
//
// A pure function of the locks: no clock, environment, disk or locale. Steps that several locks need appear once, and
// neither the order of the locks nor how often one is given changes anything.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "generator/lock/lock.hpp"
#include "store/identifiers.hpp"
#include "store/step.hpp"

namespace karapace::graph {

/// Where a blob may be found: helps the step and is no part of its key.
struct Location {
  std::string archive;  // LockedRepository::archive; empty for files and base archives, which mirrors.json knows
  std::string path;     // below the archive's root
  auto operator<=>(const Location&) const = default;
};

struct Edge {
  Step step;
  StepKey key;
  std::string subject;       // what it is about, for people: "git 1:2.39.5-0+deb12u2", "184 packages"; `printable`
  Location location;         // `fetch` of packages only
  std::uint64_t weight = 0;  // bytes to fetch or unpack, packages to install: heavy edges are declared early
  std::vector<Parameter> hints = {};  // for the step's program, not part of the key; the planner gives none
  bool operator==(const Edge&) const = default;
};

/// "fetch git 1:2.39.5-0+deb12u2"
std::string description(const Edge& edge);

struct Graph {
  /// In the order of declaration, which is the order in which Ninja starts what is ready: the packages of bases, bases,
  /// other packages, installs, setups, environments, what is built from source; among equals the heavy first, each
  /// fetch before its unpack. An edge's inputs are declared before it.
  std::vector<Edge> edges;
  bool operator==(const Graph&) const = default;
};

/// The steps of a release: fetches, `source`s, `compile`s, the `assemble` last.
struct PlannedRelease {
  std::vector<StepKey> steps;               // each once
  std::map<std::string, StepKey> compiles;  // source -> its step
  const StepKey& tree() const { return steps.back(); }
};

/// Plans lock after lock, so that a thousand locks need not be in memory at once.
class Planner {
 public:
  /// Adds what `lock` needs. `canonical` is serialise(lock). Returns the keys of its steps, each once, the
  /// environment's last.
  std::vector<StepKey> add(const lock::Lock& lock, std::string_view canonical);
  /// Adds what the lock's release needs beside its environment, whose step is among those that `add` answered.
  /// Nothing without a release.
  std::optional<PlannedRelease> add_release(const lock::Lock& lock, const StepKey& environment);
  Graph finish() &&;

 private:
  class Addition;
  class ReleaseAddition;
  std::vector<bool> parts_of_bases() const;
  struct PackageId {
    Sha256 sha256;
    std::uint64_t size = 0;
    bool operator==(const PackageId&) const = default;
  };
  struct PackageHash {
    std::size_t operator()(const PackageId& id) const noexcept { return std::hash<Sha256>()(id.sha256); }
  };
  struct PackageEdges {
    std::size_t fetch = 0;
    std::size_t unpack = 0;
  };

  std::vector<Edge> edges_;
  std::unordered_map<StepKey, std::size_t> by_key_;
  std::unordered_map<PackageId, PackageEdges, PackageHash> packages_;  // spares the hashing of shared packages
};

Graph plan(std::span<const lock::Lock> locks);

struct LayerSteps {
  Step fetch;
  Step unpack;  // of the fetch, then of the layers below it: it knows what it hides, which directories it changes
};
/// Of the layers of a base image, the lowest first.
std::vector<LayerSteps> image_steps(const lock::LockedImage& image);

}  // namespace karapace::graph
