// SPDX-License-Identifier: Apache-2.0
// The sandbox: new namespaces, an overlay as root, nothing of the host but what the plan names.
//
// `SandboxPlan` is data; `run` executes it. The caller is already root of its user namespace (enter_user_namespace).
// `run` clones a child into new mount, pid, ipc, uts, cgroup (and, without network, net) namespaces. The child builds
// the root (overlay, proc, sysfs or a view of it, minimal /dev with devpts, shm, mqueue, binds, masked /proc entries),
// pivot_root(2)s into it, drops capabilities, sets no_new_privs, loads the seccomp filter, and as process 1 reaps and
// starts the commands one after another. Links of the image are never followed from outside: every mount target is
// opened with openat2(RESOLVE_IN_ROOT).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "runtime/sandbox/id_mode.hpp"

namespace karapace::runtime {

enum class Network { host, none };
enum class BindAccess { read_only, read_write };

struct Bind {
  std::filesystem::path source;  // host path, absolute; a directory or a file
  std::string target;            // absolute path inside; made when missing (in the upper layer)
  BindAccess access = BindAccess::read_only;
};

struct Command {
  std::vector<std::string> argv;                 // argv[0] is looked up in the PATH of `variables`
  std::map<std::string, std::string> variables;  // the whole environment
  std::string working_directory = "/";
  std::string title;  // for messages; default argv[0]
};

/// A small file with this text, lying on the image's at `target`; it can not be written to.
struct GivenFile {
  std::string target;
  std::string text;
};

/// A file that the image lacks, or has empty, gets this text, in the upper layer. Left alone in a read-only root.
struct FilledFile {
  std::string target;
  std::string text;
};

enum class Terminal {
  inherit,  // stdin, stdout, stderr are handed through as they are
  pty,      // a new pseudo terminal inside; the caller's terminal is relayed (raw mode, window size, signals)
};

enum class Purpose {
  step,     // builds: deterministic, docker's default capabilities, owners tracked in single mode
  session,  // enter and exec
};

struct SandboxPlan {
  std::vector<std::filesystem::path> lowers;  // directory trees, bottom first; at least one
  std::filesystem::path upper;                // empty: the root is read-only
  std::filesystem::path work;                 // same file system as upper, empty
  std::vector<Bind> binds;
  Network network = Network::none;
  std::string hostname = "karapace";
  Purpose purpose = Purpose::step;
  Terminal terminal = Terminal::inherit;
  IdMode id_mode = IdMode::single;
  bool volatile_overlay = true;          // steps: no fsync at all inside; the step syncs what it keeps
  std::vector<Command> commands;         // run in order, until one fails
  std::vector<GivenFile> given_files;    // sessions: resolv.conf and hosts
  std::vector<FilledFile> filled_files;  // sessions: machine-id
  std::vector<std::string> hidden;       // absolute paths inside that appear empty, when they exist
  /// Process 1 of a running sandbox, as a pidfd: its root, network and names are joined instead of making new ones, in
  /// a pid namespace of its own, so that either may end first. The caller itself moves there too. Layers and binds are
  /// then not looked at.
  int joined = -1;
  /// Called outside, once the sandbox stands, with the id of its process 1.
  std::function<void(pid_t)> when_ready;
  int output = -1;  // stdout and stderr of all commands go here (steps); -1: inherited. stdin is then /dev/null
};

struct SandboxResult {
  std::size_t command = 0;  // index of the last command that ran
  int status = 0;           // its exit status; 128 + signal when killed; 127 or 126 when it could not be started
  std::string not_started;  // why it could not be started, for people; empty when it was
};

/// Runs the plan. SandboxError naming the stage (mount, pivot, exec, ...), the path and errno when the sandbox itself
/// can not be made; a command that fails is a result, not an error.
SandboxResult run(const SandboxPlan& plan);

}  // namespace karapace::runtime
