// SPDX-License-Identifier: Apache-2.0
// A host that has, or gets, the same destination: reached by the user's own ssh and rsync, with the checks, keys and
// names that his configuration says. Nothing is installed there; it needs a POSIX shell, GNU's or BusyBox's file tools
// and rsync.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/waiting.hpp"
#include "release/host_records.hpp"

namespace karapace::release {

/// What a destination on a host has.
struct RemoteState {
  std::string system;                           // uname -sm: "Linux x86_64"
  std::map<std::string, std::string> names;     // "1.4.2+1" -> of which release its release.json says it is
  std::map<std::string, std::string> versions;  // "1.4.2+1" -> SHA-256 of its release.json; "" without, or for a link
  std::map<std::string, std::string> entries;  // name -> SHA-256 of the listing kept for it; "" without, "link" for one
  std::map<std::string, std::string> links;    // "versions/stable", "bin/app" -> what the link says
  std::map<std::string, std::string> launchers;  // "bin/.launcher-HASH" -> its SHA-256
  std::map<std::string, std::string> files;      // ".karapace/..." of what is kept besides -> SHA-256
  std::map<std::string, std::string> records;    // "links.json", "links.json.copy" -> its text; host_records.hpp
  std::string digest;                            // of all this
};

class RemoteHost {
 public:
  /// `address`: what ssh takes, a name or USER@NAME. UsageError for what rsync would understand otherwise.
  RemoteHost(std::string name, std::string address, std::filesystem::path root);
  const std::string& name() const noexcept { return name_; }

  // RemoteError, with what ssh or rsync said, when the host can not be reached or something fails there.

  RemoteState look() const;
  enum class Compare { times, content };
  /// Of `files`, relative to the destinations here and there: what differs by type, size, time, mode or target, or by
  /// the bytes, too; directories with a slash behind.
  std::vector<std::string> differing(const std::vector<std::string>& files, Compare compare) const;
  /// Brings them to a directory of this run alone, which nobody looks into. What an interrupted run of this machine
  /// brought becomes this run's, is compared byte by byte and not brought again; what others left is removed after two
  /// days.
  void bring(const std::vector<std::string>& files) const;
  /// Removes what was brought.
  void drop() const;
  struct Finish {
    std::string seen;                          // RemoteState::digest of which the rest was made
    std::vector<std::string> files;            // replaced by renames
    std::vector<std::string> directories;      // that are not there yet
    std::vector<WrittenRecord> records;        // replaced, with their copies
    std::map<std::string, std::string> links;  // in the order bin/, versions/
    bool has_nothing() const noexcept {
      return files.empty() && directories.empty() && records.empty() && links.empty();
    }
  };
  enum class Finished { yes, host_changed };
  /// Under the lock of the host's destination (destination_lock.hpp): gives what was brought its names, files, then
  /// directories, then links, each forced to the disk before the next. When the host is no longer as it was seen, what
  /// was brought stays where it is.
  /// `notice` is told when somebody has that lock for longer than a moment.
  Finished finish(const Finish& finish, const Notice& notice) const;

 private:
  std::string finish_words(const Finish& finish) const;
  /// What the script printed with our mark before it, without the mark.
  std::vector<std::string> run(std::string_view script) const;
  std::string rsync(std::vector<std::string> options, const std::vector<std::string>& files, std::string_view to) const;

  std::string name_;
  std::string address_;
  std::filesystem::path root_;
  std::string unfinished_;  // names that nobody else has begin with it
};

}  // namespace karapace::release
