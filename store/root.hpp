// SPDX-License-Identifier: Apache-2.0
// Roots: which project stands for which environment, and where its graphs are; what gc keeps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::store {

/// A directory with a graph in it, and the files that the graph is written anew from: what the host believes.
struct GraphPlace {
  std::filesystem::path directory;  // absolute, where build.ninja or steps.cmake is
  std::vector<std::filesystem::path>
      sources;            // absolute: manifests, locks and keyrings in the root's project, and the graph
  std::string name = {};  // of the environment there; graphs of one manifest may differ in it
  auto operator<=>(const GraphPlace&) const = default;
};

/// `roots/<BLAKE3 of the manifest's absolute path>`: written by `karapace gen`; what gc keeps.
struct Root {
  std::string name;                // the first of `names`
  std::filesystem::path manifest;  // absolute
  EnvironmentId environment;
  std::int64_t manifest_mtime_ns = 0;  // of manifest and lock when the graph was written: to say "changed since"
  std::int64_t lock_mtime_ns = 0;
  std::vector<StepKey> steps;           // every step of the environment's graph
  std::vector<GraphPlace> graphs = {};  // sorted by directory; records of older versions have none
};
/// What people may call it: its own name first, then those that other graphs of its manifest have, sorted, each once.
std::vector<std::string> names(const Root& root);
/// Replaces the manifest's root. Graphs in other directories that the old one knew stay with their names, unless their
/// directory is gone; the root keeps the name that it has while a graph has it.
void add_root(const Store& store, const Root& root);
/// In two parts, for who does not want to keep others waiting for the disk: the record is forced there as a file of the
/// caller's in a staging directory, and gets its name later, which sync_roots forces there.
struct StagedRoot {
  std::filesystem::path file;
  std::string text;
};
StagedRoot stage_root(const Store& store, const Root& root, std::filesystem::path file);
void add_root(const Store& store, const Root& root, const StagedRoot& staged);
void sync_roots(const Store& store);
/// Whether add_root would change nothing.
bool has_root(const Store& store, const Root& root);
/// Reading hundreds of keys takes longer than the rest of a record, and few need them.
enum class RootSteps { read, left_out };
std::optional<Root> find_root(const Store& store, const std::filesystem::path& manifest,
                              RootSteps steps = RootSteps::read);
std::vector<Root> roots(const Store& store);  // sorted by name, then manifest
/// Those whose manifest, or a graph of theirs or a file that it is made from, lies in one of the directories (absolute,
/// without links). StoreError when a record is damaged: what it stands for is not known. None has its steps.
std::vector<Root> roots_in(const Store& store, const std::vector<std::filesystem::path>& directories);
/// Leaves out graphs whose files are gone. Sessions do it before they begin, under lock_graphs: so a graph that a root
/// knows while one runs was there to be covered.
void forget_lost_graphs(const Store& store, const Root& root);
void remove_root(const Store& store, const std::filesystem::path& manifest);
/// The manifest's path by which a root is kept, and that of what stands beside it: the links of its directory resolved,
/// as far as it exists.
std::filesystem::path canonical_manifest(const std::filesystem::path& manifest);

}  // namespace karapace::store
