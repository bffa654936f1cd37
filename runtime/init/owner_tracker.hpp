// SPDX-License-Identifier: Apache-2.0
// What process 1 answers instead of the kernel (seccomp_unotify(2)), in builds: in every id mode calls that read
// directories (directory_order.hpp), and where only one id is mapped those about owners and identities:
// - chown(2) and its kin. The file is found as the caller would (caller_file.hpp), "uid:gid" is written into
//   `user.karapace.owner` through the overlay, and the call succeeds. 0:0, the owner on disk, is no attribute at all.
//   As the kernel does, it clears set-id bits and file capabilities of regular files. Links and special files can carry
//   no such attribute: their owner stays 0:0.
// - stat(2) and its kin are answered with the recorded owner (owner_call.hpp).
// - setuid(2), getuid(2) and their kin (identity.hpp).
// - what makes files and directories (creation.hpp).
#pragma once

#include <linux/seccomp.h>

#include "runtime/init/caller_file.hpp"
#include "runtime/init/directory_order.hpp"
#include "runtime/init/identity.hpp"

namespace karapace::init {

struct CallAnswer {
  bool goes_on = false;  // into the kernel, as if nobody had asked
  int error = 0;         // or an errno value
  std::int64_t value = 0;
  Fd file = Fd();  // what the caller gets for `value`
  bool closes_on_exec = false;
};

class OwnerTracker {
 public:
  OwnerTracker(int listener, Identities& identities, std::uint32_t directory_order) noexcept
      : listener_(listener), identities_(identities), directories_(directory_order) {}
  int listener() const noexcept { return listener_; }
  /// Answers one waiting call. A caller that died meanwhile is fine.
  void answer() noexcept;

 private:
  CallAnswer carry_out(const Waiting& waiting, const seccomp_data& call) noexcept;

  int listener_;
  Identities& identities_;
  OrderedDirectories directories_;
};

}  // namespace karapace::init
