// SPDX-License-Identifier: Apache-2.0
// The builder: a cloned child in new namespaces that makes the sandbox's root, steps into it and becomes process 1.
//
// Everything it needs is prepared before the clone: from then on nothing allocates or throws. Nothing of the image runs
// before it has become karapace-init (runtime/init/), whose memory holds nothing of this program's.
#pragma once

#include <csignal>
#include <optional>
#include <vector>

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>

#include "base/fd.hpp"
#include "runtime/init/report.hpp"
#include "runtime/sandbox/mount_plan.hpp"
#include "runtime/sandbox/root_file_system.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace karapace::sandbox {

/// What the caller's terminal looks like, to make the one inside alike.
struct TerminalLook {
  termios modes{};
  winsize size{};
};

struct PreparedSandbox {
  const SandboxPlan* plan = nullptr;
  RootFileSystem root;
  std::vector<HostOperation> host;     // on the host's file system, as only this sandbox sees it
  std::vector<MountOperation> mounts;  // in the new root
  std::optional<TerminalLook> terminal;
  Fd init;              // the program karapace-init
  Fd init_plan;         // what it is told (init_plan.hpp)
  Fd output;            // what commands write to; empty: they have this process's streams
  int namespaces = -1;  // a pidfd of the keeper of the inner namespaces (new_namespaces.hpp); not for joined sandboxes
  rlimit files{};       // how many descriptors a command may have (RLIMIT_NOFILE): the caller's
};

/// The stage that fails when there is nothing to join any more.
inline constexpr const char* joining = "join";

/// The life of the child. `report` is its end of the socket; `outside` the other one, which must not stay open here.
[[noreturn]] void build_sandbox(const PreparedSandbox& sandbox, int report, int outside) noexcept;

/// Enters the outer user namespace of the sandbox whose process 1 is `plan.joined_process`, and makes a child there,
/// which is this process's parent's. Its id is written to `pids`; what fails is reported. Run in a forked child.
[[noreturn]] void join_sandbox(const PreparedSandbox& sandbox, int report, int outside, int pids) noexcept;

}  // namespace karapace::sandbox
