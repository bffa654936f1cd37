// SPDX-License-Identifier: Apache-2.0
// The mount plan: what lies where in a sandbox, as data. `mount_executor` carries it out.
//
// Sources are host paths. Operations are in order: a later one may lie on an earlier one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"

namespace karapace::sandbox {

struct MountOperation {
  enum class Kind {
    file_system,  // a new file system of type `source` with `options` ("key=value", or a flag)
    bind,         // the host's file or directory `source`
    device,       // the host's device node `source`
    directory,    // made with `mode`
    link,         // a symbolic link to `source`
    mask,         // hidden: an empty directory or /dev/null; nothing when the target does not exist
    protect,      // made read-only in place; nothing when the target does not exist
    given_file,   // a read-only file with the text `source`, on the target
    filled_file,  // the text `source` is written to the target if that is missing or an empty file
  };
  /// Where `target` is looked up.
  enum class Place {
    image,   // an absolute path inside, through the image's links, which end inside; made when missing
    own,     // the same, but a real directory, and no link on the way: or the sandbox is refused
    within,  // a relative path, without links, in what was mounted last at a place of its own
  };
  enum class Refused { fails, is_skipped };  // what a refusal by the kernel means; what lies within is skipped too

  Kind kind{};
  std::string source = {};
  std::string target = {};
  Place place = Place::within;
  std::vector<std::string> options = {};
  std::uint64_t attributes = 0;  // MOUNT_ATTR_*
  unsigned mode = 0755;
  Refused refused = Refused::fails;
  BindSource origin = BindSource::host;
};

/// Everything above the root file system, which is an overlay or a read-only bind and is mounted first.
std::vector<MountOperation> mount_plan(const SandboxPlan& plan);

/// What a process that joins another one's mount namespace needs anew: /proc of its own pid namespace, and terminals.
std::vector<MountOperation> process_view_plan(IdMode mode);

}  // namespace karapace::sandbox
