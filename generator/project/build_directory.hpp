// SPDX-License-Identifier: Apache-2.0
// The build directory: where `karapace gen` writes and ninja runs.
//
//   build.ninja              the graph: the same bytes everywhere
//   .karapace/local.ninja    what belongs to this machine, included by build.ninja
//   .karapace/locks/<id>     the canonical locks of the graph's environments, for comparing graphs
//   .karapace/.ninja_log     Ninja's own memory, as local.ninja says: sessions see all of .karapace read-only, and so
//                            can put no link where Ninja will write
//
// or, for one environment of a CMake project:
//
//   steps.cmake              the graph (graph/cmake_text.hpp), and .karapace/local.cmake instead of local.ninja
//
// What edges read while they run lies in the store (store/graph_files.hpp). A file is only written when its bytes
// change. No link below `.karapace` is followed (own_directory.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "generator/graph/graph.hpp"
#include "generator/graph/ninja_text.hpp"
#include "generator/project/own_directory.hpp"
#include "store/graph_files.hpp"
#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::project {

constexpr unsigned fetches_at_once = 8;
/// One for each processor.
unsigned installs_at_once();
/// What every graph that is built into the store has on this machine; `mirrors` is among the files of its edges.
/// StoreError when karapace-step is not there.
graph::Local local_part(const store::Store& store, const store::GraphFiles& files,
                        const std::filesystem::path& mirrors);
/// Ninja knows records only: what its steps will need that was never run here must have none (store/absent.hpp).
void have_absent_inputs_made(const store::Store& store, const graph::Graph& graph);

class BuildDirectory {
 public:
  /// Makes the directory. Error when it holds a build.ninja that is not ours, which is never overwritten, or
  /// something else than a file where we or ninja would write, or when the way to it has a link that is not to be
  /// followed.
  explicit BuildDirectory(const std::filesystem::path& path,
                          const OwnDirectory::WrittenBySessions& written_by_sessions = {});

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Keeps the lock's canonical text.
  void add_lock(const EnvironmentId& id, std::string_view canonical);
  struct Written {
    bool changed = false;  // build.ninja's bytes
    bool touched = false;  // its modification time
  };
  /// Writes both Ninja files, build.ninja last, and removes locks that were not added. build.ninja gets the time of its
  /// newest source (nanoseconds since 1970) as it was when that was read: older, and ninja would ask for it again;
  /// newer, and an edit since would not be seen.
  Written write_graph(std::string_view graph, std::string_view local, std::int64_t newest_source_ns);

  /// Whether write_graph would change nothing.
  bool has_graph(std::string_view graph, std::string_view local, std::int64_t newest_source_ns) const;

  /// Writes both CMake files and removes locks that were not added; whether steps.cmake's bytes changed.
  bool write_cmake(std::string_view steps, std::string_view local);
  bool has_cmake(std::string_view steps, std::string_view local) const;

 private:
  bool has_no_other_locks() const;
  void remove_traps() const;
  void remove_what_was_not_added() const;

  std::filesystem::path path_;
  OwnDirectory directory_;
  OwnDirectory own_;              // .karapace
  OwnDirectory locks_directory_;  // in it
  std::set<std::string> locks_;   // names of the files to keep
};

}  // namespace karapace::project
