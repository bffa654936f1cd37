// SPDX-License-Identifier: Apache-2.0
// Changes: the exact difference between what an upper directory shows above layers and what the layers show alone.
//
// What counts is what a person would see: a directory that was only copied up, a whiteout above nothing and the times
// of directories are no change, a file is compared byte by byte. The cost follows the upper directory; of the layers
// only what it covers is looked at. Runs inside the user namespace, where every file can be read; follows no link.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "store/tree_walk.hpp"

namespace karapace::store {

// Scaffold: what sessions put into an upper directory of their own accord (mount points, the machine's id). While it is
// as it was put, it is no change of a person's.

enum class ScaffoldKind {
  directory,  // a place to mount at: untouched while nothing else is in it
  file,       // the same for a file: untouched while it is empty
  filled,     // a file: untouched while its content has the digest
};

struct ScaffoldItem {
  std::string path;  // relative to the root, as in a listing
  ScaffoldKind kind = ScaffoldKind::directory;
  Digest content{};  // of what is filled
  auto operator<=>(const ScaffoldItem&) const = default;
};

using Scaffold = std::vector<ScaffoldItem>;

/// The paths of what is in the open directory `upper` as it was put there, sorted. Whether the layers have something
/// there does not matter.
std::vector<std::string> untouched_scaffold(int upper, const Scaffold& scaffold);

enum class ChangeKind { added, modified, removed, renamed };
std::string_view text(ChangeKind kind) noexcept;

struct Change {
  std::string path;
  ChangeKind kind{};
  EntryType type{};        // of what is there now; of what is removed: what was there. Hard links are regular files
  std::uint64_t size = 0;  // of a regular file
  /// Of what is modified or renamed: "type", or of "content", "target", "mode", "owner", "time" (not of directories)
  /// and "attributes" those that differ, in this order. What was below a directory that is none any more is gone with
  /// it.
  std::vector<std::string_view> aspects{};
  std::string from{};  // of what is renamed: a file of the same content that is removed
};

struct Changes {
  std::vector<Change> changes;        // by path. A directory that is removed stands for all that was in it
  std::vector<std::string> left_out;  // sockets and device nodes, by path: nothing can keep them
};

struct ChangesOptions {
  Owners owners = Owners::from_disk;
  std::string label{};  // for messages
  unsigned threads = 1;
  Scaffold scaffold{};  // left out while it is untouched
};

/// `upper` is an open directory, `layers` the trees below it, bottom first. StoreError that names the path.
Changes find_changes(int upper, const std::vector<std::filesystem::path>& layers, const ChangesOptions& options);

/// What the stack `after` shows otherwise than the stack `before` (bottom first). Layers that both have are known by
/// their path and not looked into. A file that was renamed is told as removed and added. The scaffold is that of the
/// topmost trees.
Changes changes_between(const std::vector<std::filesystem::path>& before,
                        const std::vector<std::filesystem::path>& after, const Scaffold& scaffold_before,
                        const ChangesOptions& options);

/// What is asked about a path in `differing_paths`.
struct PathQuestion {
  std::string path;
  enum class Extent { entry, tree } extent = Extent::entry;  // what is there itself; with all that is below it
};

/// The paths at which two stacks of layers (bottom first) show something different: another entry in any respect but
/// the times of directories, or one where the other shows none. Layers that both have are known by their path and not
/// looked into. In the order of the questions.
std::vector<std::string> differing_paths(const std::vector<std::filesystem::path>& first,
                                         const std::vector<std::filesystem::path>& second,
                                         const std::vector<PathQuestion>& questions, const ChangesOptions& options);

/// Opens the regular file that the layers show at a path, for reading; nothing when they show none there.
std::optional<Fd> open_shown(const std::vector<std::filesystem::path>& layers, const std::string& path);

}  // namespace karapace::store
