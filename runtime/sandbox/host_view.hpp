// SPDX-License-Identifier: Apache-2.0
// The host's file system as one sandbox sees it: before anything of it is bound, what must not be seen is covered and
// what must not be written is made read-only, in the sandbox's own mount namespace, on the host's own paths.
//
// So it holds whatever the way by which a bind leads there, and whatever is renamed inside: a cover lies on the
// directory itself, and the directories that lead to it from a bind are mounts of their own, which can be neither
// renamed nor removed (rename(2), EBUSY). A file system that is mounted at several places is covered at each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "runtime/init/report.hpp"

namespace karapace::sandbox {

/// One line of mountinfo (proc(5)): what of a file system is mounted where.
struct HostMount {
  std::uint64_t id = 0;
  std::string device;          // "major:minor"
  std::filesystem::path root;  // the directory of the file system that is mounted
  std::filesystem::path point;
};

/// The lines of /proc/self/mountinfo, in order; lines that are not understood are left out.
std::vector<HostMount> parse_mounts(std::string_view mountinfo);

/// Where a directory or file lies, independent of the path to it.
struct HostPlace {
  std::string device;
  std::filesystem::path path;  // from the root of the file system
};

/// Mounts of this process's namespace.
class HostMounts {
 public:
  /// Reads /proc/self/mountinfo.
  static HostMounts read();
  explicit HostMounts(std::vector<HostMount> mounts) : mounts_(std::move(mounts)) {}

  /// Where `path`, which has no links, lies; nothing when no mount holds it.
  std::optional<HostPlace> place_of(const std::filesystem::path& path) const;
  /// Every path at which this place can be found: `/srv/x` and `/home/x` when one is a bind of the other. When a mount
  /// shows only what lies below the place, its mount point is given.
  std::vector<std::filesystem::path> paths_of(const HostPlace& place) const;
  /// The directory, and the mounts below it: what lies there of other file systems.
  std::vector<std::filesystem::path> parts_of(const std::filesystem::path& directory) const;
  /// Whether one path leads to what lies in the directory of another, by any mount.
  bool lies_within(const std::filesystem::path& path, const std::filesystem::path& directory) const;

 private:
  std::vector<HostMount> mounts_;
};

struct HostOperation {
  enum class Kind {
    pin,        // mounted on itself: can be neither renamed nor removed
    read_only,  // the same, and not written; in place of a link `target` is shown, or an empty file
    hide,       // an empty directory instead
  };
  Kind kind{};
  std::filesystem::path path;
  // Of `hide`: what must be found there, else the sandbox is refused.
  dev_t device = 0;
  ino_t inode = 0;
  // Of `read_only`, when it is a link: the file at its end, without links on the way, if that is shown as well. What is
  // not must not be seen through it: whoever can make a link would choose what.
  std::filesystem::path target = {};
  auto operator<=>(const HostOperation&) const = default;
};

struct HostLimits {
  std::optional<std::filesystem::path> hidden;       // a directory, without links: nothing of it may be seen
  std::vector<std::filesystem::path> read_only;      // files and directories; what does not exist is left out
  std::vector<std::filesystem::path> shown;          // what binds show
  std::vector<std::filesystem::path> followed = {};  // of `read_only` those that a person may have made a link
};

/// What has to be done to the host's file system so that the limits hold for all that is shown. SandboxError when what
/// is to be hidden or must not be written can not be looked at, or when a link of `followed` leads by a way on which it
/// could be led elsewhere.
std::vector<HostOperation> host_operations(const HostMounts& mounts, const HostLimits& limits);

/// What a session that joins others has to do anew: all but hiding.
std::vector<HostOperation> without_hidden(std::vector<HostOperation> operations);

/// Whether what is asked for may be there: of a session that joins others it is what they have covered.
enum class Covered { not_yet, perhaps };
/// Carries them out in a cloned child with a mount namespace of its own: neither allocates nor throws.
void change_host_view(const std::vector<HostOperation>& operations, Covered covered,
                      const init::Reporter& reporter) noexcept;

}  // namespace karapace::sandbox
