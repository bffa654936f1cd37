// SPDX-License-Identifier: Apache-2.0
// OwnDirectory: a directory of ours in somebody's project, such as `.karapace` and what is in it.
//
// What runs in a session may write to the project, so a name in it may be a trap by the time we come back. From
// `.karapace` on, no link in a path is followed, and what is no directory or belongs to somebody else is refused; the
// directory is opened once and worked in through its descriptor. Files are replaced by rename(2) and removed by name: a
// link in place of one is replaced or removed itself, never what it leads to.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace karapace::project {

/// The name from which on a path is ours.
constexpr std::string_view own_name = ".karapace";

class OwnDirectory {
 public:
  /// Whether what runs in sessions can write to this directory, whose path has no links.
  using WrittenBySessions = std::function<bool(const std::filesystem::path& directory)>;
  /// Makes the directory where it is missing and opens it. Parts before `.karapace` are a person's: their links are
  /// followed, but for those in directories of which `written_by_sessions` holds. Error `what: ...` with the remedy
  /// when a part is not as it must be.
  static OwnDirectory make(const std::filesystem::path& path, std::string_view what,
                           const WrittenBySessions& written_by_sessions = {});

  const std::filesystem::path& path() const noexcept { return path_; }
  int fd() const noexcept { return fd_.get(); }
  /// The directory `name` in it, made where it is missing and judged as ours.
  OwnDirectory inner(const std::string& name) const;
  /// The bytes of the regular file; nothing when there is none of that name, but a link or something else.
  std::optional<std::string> read(const std::string& name) const;
  /// Whether it was written, which it is only when its bytes change, or when it has another name (a hard link), by
  /// which a session could write to it.
  bool write_if_changed(const std::string& name, std::string_view text) const;
  /// The same for a file that sessions show read-only (runtime/sandbox/session.hpp). While one runs, which holds a
  /// shared flock(2) on it, it stays the same file and is written in place: the kernel takes a mount from a file that
  /// is replaced. Cut off half way, its second line says so, and ninja refuses it.
  bool write_control_file(const std::string& name, std::string_view text) const;
  /// Removes what is not a directory and not among `names`, as far as it can be removed.
  void remove_others(const std::set<std::string>& names) const;
  bool has_link(const std::string& name) const;
  /// Removes what has this name unless it is a regular file of this user's without another name. Error when it can not
  /// be removed.
  void remove_unless_plain(const std::string& name) const;
  /// Whether there is a file of this name as we write it, with this text.
  bool has_already(const std::string& name, std::string_view text) const;

 private:
  OwnDirectory(std::filesystem::path path, Fd fd, std::string_view what);

  std::filesystem::path path_;
  Fd fd_;
  std::string what_;
};

}  // namespace karapace::project
