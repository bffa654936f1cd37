// SPDX-License-Identifier: Apache-2.0
// GraphFiles: what the edges of a graph read while they run, besides their inputs.
//
// Long commands, the canonical locks, and from where this machine fetches. Ninja reads a graph once and may then run
// for an hour, while `karapace gen` writes the next graph in the same directory. So nothing that a graph names is
// changed or removed when it is superseded: the files lie in `graphs/<BLAKE3 of the graph's path>/`, and gc
// takes those that the graph in the build directory no longer names, or all of them when that directory is gone.
//
// The file `graph` there says which those are. After a crash of gen it names those of the old graph and the new.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.hpp"
#include "store/store.hpp"

namespace karapace::store {

class GraphFiles {
 public:
  /// Of the graph with this file name in this directory, which exists: there may be one for ninja and one for CMake.
  /// While the value lives, gc leaves its files alone.
  GraphFiles(const Store& store, const std::filesystem::path& build_directory, std::string_view graph);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Writes the file unless it is there with these bytes, and returns its path.
  std::filesystem::path add(const std::string& name, std::string_view text);
  /// Whether gc keeps all that were added.
  bool are_kept() const;
  /// Before the graph that names the added files is written: gc keeps them from now on, and those of the old graph.
  void keep() const;
  /// After that: what was not added is gc's.
  void finish() const;

 private:
  std::set<std::string> named_before() const;
  void write_list(const std::set<std::string>& names) const;

  std::filesystem::path build_directory_;
  std::filesystem::path path_;
  FileLock lock_;
  std::set<std::string> names_;
};

/// How long files stay that gc finds unneeded: no ninja runs for longer.
constexpr std::chrono::hours graph_files_stay{7 * 24};

/// An edge has read this file of a graph, or nothing of the kind: then it does nothing.
void note_use_of_graph_file(const std::filesystem::path& file) noexcept;

/// gc's part, for each name in graphs/. While the lock is held no gen works there; nothing while one does.
std::optional<FileLock> lock_graph_files(const Store& store, const std::string& directory);
/// What may go, as names below graphs/: the directory, or some files in it. One whose list is damaged is taken for that
/// of a graph that was moved: gen writes the list again, and edges that run keep the files.
std::vector<std::string> dead_graph_files(const Store& store, const std::string& directory);

enum class NoteLost { yes, no };  // since when build directories have been gone
/// The same for every directory in which no gen works. On a full disk no lock or note can be made: the next gc takes
/// those files.
std::vector<std::string> dead_graph_files(const Store& store, NoteLost note_lost);

}  // namespace karapace::store
