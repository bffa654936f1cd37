// SPDX-License-Identifier: Apache-2.0
// GraphFiles: what the edges of a graph read while they run, besides their inputs.
//
// Long commands, the canonical locks, and from where this machine fetches. Ninja reads a graph once and may then run
// for an hour, while `karapace gen` writes the next graph in the same directory. So nothing that a graph names is
// changed or removed when it is superseded: the files lie in `graphs/<BLAKE3 of the build directory's path>/`, and gc
// takes those that the graph in the build directory no longer names, or all of them when that directory is gone.
//
// The file `graph` there says which those are. After a crash of gen it names those of the old graph and the new.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "base/file_lock.hpp"
#include "store/store.hpp"

namespace karapace::store {

class GraphFiles {
 public:
  /// Of the graph in this directory, which exists. While the value lives, gc leaves its files alone.
  GraphFiles(const Store& store, const std::filesystem::path& build_directory);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Writes the file unless it is there with these bytes, and returns its path.
  std::filesystem::path add(const std::string& name, std::string_view text);
  /// Before the graph that names the added files is written: gc keeps them from now on, and those of the old graph.
  void keep() const;
  /// After that: what was not added is gc's.
  void finish() const;

 private:
  void write_list(const std::set<std::string>& names) const;

  std::filesystem::path build_directory_;
  std::filesystem::path path_;
  FileLock lock_;
  std::set<std::string> names_;
};

/// gc's part. What a gen works on is left for the next time, and what a damaged list belongs to for ever.
void remove_superseded_graph_files(const Store& store);

}  // namespace karapace::store
