// SPDX-License-Identifier: Apache-2.0
// Generate: manifests → locks → graph → files that ninja reads. What `karapace gen` and `karapace build` do.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "generator/graph/graph.hpp"
#include "generator/project/locking.hpp"
#include "store/identifiers.hpp"

namespace karapace::project {

enum class GraphForm {
  ninja,
  cmake,  // of one manifest, for karapace_environment()
};

struct GenerateRequest {
  std::vector<std::filesystem::path> manifests;  // as given: files, or directories with a karapace.toml
  std::optional<std::string> name;               // of the environment, with a single manifest; else the project's
  std::filesystem::path directory;               // where build.ninja goes, or steps.cmake
  GraphForm form = GraphForm::ninja;
  std::filesystem::path working_directory;
  LockSettings lock;
  std::vector<std::string> program;  // how karapace is called, with its global options: argv[0] is absolute
};

struct GeneratedEnvironment {
  std::string name;
  std::filesystem::path manifest;
  EnvironmentId id;
  StepKey step;
  std::size_t packages = 0;
  LockState lock = LockState::unchanged;
  std::vector<std::string> notes;
  std::optional<graph::PlannedRelease> release = std::nullopt;
};

struct Generated {
  std::vector<GeneratedEnvironment> environments;  // in the order of the manifests
  std::size_t edges = 0;
  bool changed = false;            // whether the bytes of build.ninja (steps.cmake) did
  bool touched = false;            // whether its modification time did
  std::vector<std::string> notes;  // of the whole, for people
};

/// Locks as far as allowed, registers each project as a root in the store, and writes the build directory.
Generated generate(const GenerateRequest& request);

/// An environment of which the store keeps the lock, when no project has it any more: an instance is still in it, or a
/// snapshot is a difference to it, and a repair took something of it away.
struct KeptEnvironment {
  EnvironmentId id;
  /// The project that had it, whose files and additional repositories are asked, as far as they are there.
  std::optional<std::filesystem::path> manifest;
};

struct KeptGraph {
  std::filesystem::path directory;  // where its build.ninja is: in the cache, the same each time
  std::vector<StepKey> steps;       // the environment's last
};

/// Writes the graph that makes it. NotFoundError when the store has not its lock.
KeptGraph generate_kept(const KeptEnvironment& environment, const MachinePaths& paths);

}  // namespace karapace::project
