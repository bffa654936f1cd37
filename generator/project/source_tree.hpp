// SPDX-License-Identifier: Apache-2.0
// Source trees: the files of a path as the one blob that a release is built from.
//
// The archive is canonical: tar in the form of pax, not compressed, entries sorted by path, owners 0:0, modes 0644 and
// 0755, one time for all (docs/hash-contract.md). So the same files have the same digest on every machine, whoever
// checked them out and when.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "base/fd.hpp"
#include "generator/project/git_revision.hpp"
#include "store/identifiers.hpp"
#include "store/pax_writer.hpp"

namespace karapace::project {

struct ArchiveDigests {
  Sha256 sha256;
  BlobId blob;
  std::uint64_t size = 0;
};

/// Writes the archive's entries, which come sorted by path, directories before what is in them.
class SourceArchive {
 public:
  /// Into `file`, or nowhere when it is negative: only the digests are wanted then. All entries get `mtime`.
  SourceArchive(int file, std::int64_t mtime);
  ~SourceArchive();
  SourceArchive(const SourceArchive&) = delete;
  SourceArchive& operator=(const SourceArchive&) = delete;

  void add_link(const std::string& path, const std::string& target);
  /// `read` fills the buffer and answers how many bytes; 0 at the end. StoreError when it gives another number of bytes
  /// in all.
  using Read = std::function<std::size_t(std::span<char> buffer)>;
  enum class Executable { no, yes };
  void add_file(const std::string& path, std::uint64_t size, Executable executable, const Read& read);
  ArchiveDigests finish();

 private:
  struct State;
  void write(std::string_view bytes);
  void add_parents(const std::string& path);
  std::unique_ptr<State> state_;
};

/// The time of files of paths, which have none of their own that counts: 2000-01-01, as earlier ones are none to many
/// programs (zip begins with 1980).
inline constexpr std::int64_t path_time = 946'684'800;

/// The files of a path of the project, found and not yet read.
class SourceTree {
 public:
  /// `location` below `project`, "." for all of it: the named files, or, when none are named, in a git work tree what
  /// git does not ignore, and else all that there is. The project's lock, `.karapace` and `.git` are never among them.
  /// ManifestError, which begins with `what`, when there is no such directory or file, when there is nothing in it,
  /// when something is neither a file nor a link, or leads out of the project. Git is asked about what is not `known`.
  SourceTree(const std::filesystem::path& project, const std::string& location, const std::vector<std::string>& files,
             const std::filesystem::path& lock, std::string what, const WorkTreeFiles& known = {});

  /// Reads them; as SourceArchive. ManifestError when one went away meanwhile.
  ArchiveDigests archive(int file) const;
  /// Whether a regular file stands there, and may be executed; nothing when it does not.
  enum class Script { plain, executable };
  std::optional<Script> script(const std::string& path) const;
  /// The files and directories whose change may make it another tree: absolute, with their modification times as they
  /// were before anything was read.
  const std::map<std::filesystem::path, std::int64_t>& watched() const noexcept { return watched_; }
  /// Its directory, with all links resolved.
  const std::filesystem::path& root() const noexcept { return real_; }
  /// Of all that stat(2) told of its files before anything was read: while it is the same, so is the archive.
  Digest state() const;
  /// Whether none of them changed in the last moments.
  bool is_settled() const noexcept { return newest_change_ns_ < settled_before_ns_; }

 private:
  void take(const std::vector<std::filesystem::path>& found);
  std::vector<std::filesystem::path> all_files(const WorkTreeFiles& known) const;
  [[noreturn]] void refuse(std::string_view path, std::string_view why) const;
  struct File {
    std::string path;    // below the root
    std::string target;  // of a link
    bool is_link = false;
    bool is_executable = false;
    std::array<std::uint64_t, 5> state = {};  // device, inode, size, mtime, ctime
  };
  std::string what_;
  Fd root_;
  std::filesystem::path real_;  // of the root
  std::filesystem::path lock_;
  std::vector<File> files_;  // sorted by path
  std::map<std::filesystem::path, std::int64_t> watched_;
  std::int64_t newest_change_ns_ = 0;
  std::int64_t settled_before_ns_ = 0;
};

/// As SourceTree::archive(-1), or as it was: `cache` is the user's directory for what can be made again, or empty. The
/// digests are kept there, a small file per tree, and believed while stat(2) tells of every file what it told then:
/// path, mode, size, inode and both of its times, of which nobody can set ctime back. What changed within the last
/// moments is not kept, as a further change might not be seen by its time. The file may be removed at any time; what is
/// wrong with it makes the tree be read.
ArchiveDigests digests_of(const SourceTree& tree, const std::filesystem::path& cache);

}  // namespace karapace::project
