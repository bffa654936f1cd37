// SPDX-License-Identifier: Apache-2.0
// Process 1 of a sandbox: builds it, shuts it, starts the commands one after another, reaps, forwards signals.
//
// Everything it needs is prepared before the clone: from then on nothing allocates or throws. When it ends, for
// whatever reason, the kernel kills every process of the sandbox; it is itself killed when the process outside dies.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <sys/ioctl.h>
#include <termios.h>

#include "runtime/sandbox/filter.hpp"
#include "runtime/sandbox/mount_plan.hpp"
#include "runtime/sandbox/report.hpp"
#include "runtime/sandbox/root_file_system.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace karapace::runtime {

struct PreparedCommand {
  std::vector<char*> argv;  // ends with a null pointer; points into the plan
  std::vector<std::string> variables;
  std::vector<char*> environment;
  const char* search_path = "";  // PATH
  const char* working_directory = "/";
};

/// What the caller's terminal looks like, to make the one inside alike.
struct TerminalLook {
  termios modes{};
  winsize size{};
};

struct PreparedSandbox {
  const SandboxPlan* plan = nullptr;
  RootFileSystem root;
  std::vector<MountOperation> mounts;
  OwnerCalls owners = OwnerCalls::real;
  std::vector<PreparedCommand> commands;
  sigset_t signal_mask{};  // of commands
  std::optional<TerminalLook> terminal;
};

/// The signals that process 1 passes on to the running command.
sigset_t forwarded_signals() noexcept;

/// The life of process 1. `outside` is the other end of `socket`, which must not stay open here.
[[noreturn]] void process_one(const PreparedSandbox& sandbox, int socket, int outside) noexcept;

}  // namespace karapace::runtime
