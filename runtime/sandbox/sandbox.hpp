// SPDX-License-Identifier: Apache-2.0
// The sandbox: new namespaces, an overlay as root, nothing of the host but what the plan names.
//
// `SandboxPlan` is data; `run` executes it. The caller is already root of its user namespace (enter_user_namespace).
// `run` clones a child into new mount, pid, ipc, uts, cgroup (and, without network, net) namespaces. The child
// (builder.hpp) covers what must not be seen of the host, builds the root (overlay, proc, sysfs or a view of it,
// minimal /dev with devpts, shm, mqueue, masked /proc entries, binds), pivot_root(2)s into it and becomes process 1, a
// small program of its own (runtime/init/), which drops capabilities, sets no_new_privs, limits signals and sockets,
// loads the seccomp filter, and reaps and starts the commands one after another. Links of the image are never followed
// from outside: every mount target is opened with openat2(RESOLVE_IN_ROOT), and the sandbox's own with no link at all.
// The process outside (supervisor.hpp) never enters the sandbox and starts no program of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/error.hpp"
#include "runtime/sandbox/host_view.hpp"
#include "runtime/sandbox/id_mode.hpp"

namespace karapace::sandbox {

enum class Network { host, none };
enum class BindAccess { read_only, read_write };
/// Of whom the source of a bind is: in what is the host's, no symbolic link is followed, as somebody could have put one
/// there since it was checked; what is the store's is bound before the store is hidden.
enum class BindSource { host, store };

struct Bind {
  std::filesystem::path source;  // host path, absolute; a directory or a file
  std::string target;            // absolute path inside; made when missing (in the upper layer)
  BindAccess access = BindAccess::read_only;
  BindSource origin = BindSource::host;
  std::string why = {};  // for people: "the project", "mount data"
  bool operator==(const Bind&) const = default;
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

enum class Ending {
  whole,    // `run` returns when every process and mount of the sandbox is gone
  at_once,  // as soon as the last command has ended; the rest goes on by itself (SandboxPlan::when_ready tells its
            // process)
};

enum class Purpose {
  step,     // builds: deterministic, docker's default capabilities, owners tracked in single mode
  session,  // enter and exec
};

struct SandboxPlan {
  std::vector<std::filesystem::path> lowers;  // directory trees, bottom first; at least one
  std::filesystem::path upper;                // empty: the root is read-only, or changes stay in memory
  std::filesystem::path work;                 // same file system as upper, empty
  /// A directory that the sandbox does not need: changes are kept in memory, in a file system mounted on it, and are
  /// gone at the end. Upper and work are empty then.
  std::filesystem::path memory;
  bool read_only = false;    // the root can not be written to, once the places for binds are made in it
  bool fresh_upper = false;  // the root gets the mode and owner of the topmost layer's
  std::vector<Bind> binds;
  Network network = Network::none;
  std::string hostname = "karapace";
  Purpose purpose = Purpose::step;
  Terminal terminal = Terminal::inherit;
  IdMode id_mode = IdMode::single;
  std::uint32_t directory_order = 0;     // steps: which one (runtime/init/directory_order.hpp); 0: as they are
  bool volatile_overlay = true;          // steps: no fsync at all inside; what is kept is scanned and has a digest
  std::vector<Command> commands;         // run in order, until one fails
  std::vector<GivenFile> given_files;    // sessions: resolv.conf and hosts
  std::vector<FilledFile> filled_files;  // sessions: machine-id
  std::vector<HostOperation> host;       // on the host's file system as the binds show it (host_view.hpp)
  /// Process 1 of a running sandbox, as a pidfd: its root, network and names are joined instead of making new ones, in
  /// a pid namespace of its own, so that either may end first. A forked child goes there, not the caller. Layers and
  /// binds are then not looked at.
  int joined = -1;
  pid_t joined_process = -1;  // its id
  /// Called outside, once the sandbox stands, with the id of its process 1.
  std::function<void(pid_t)> when_ready;
  /// What keeps the upper directory for this sandbox: held by the server of a FUSE overlay until that has ended, too.
  int upper_lock = -1;
  Ending ending = Ending::whole;
  int output =
      -1;  // stdout and stderr of all commands are copied there (steps); -1: inherited. stdin is then /dev/null
  std::filesystem::path init;  // the program karapace-init; empty: the one beside this program
};

struct SandboxResult {
  std::size_t command = 0;  // index of the last command that ran
  int status = 0;           // its exit status; 128 + signal when killed; 127 or 126 when it could not be started
  std::string not_started;  // why it could not be started, for people; empty when it was
};

/// The sandbox to join has ended.
class SessionGone : public SandboxError {
 public:
  using SandboxError::SandboxError;
};

/// The process to join is none of a sandbox.
class NotASession : public SandboxError {
 public:
  using SandboxError::SandboxError;
};

/// Runs the plan. SessionGone when there is nothing to join any more, NotASession when there never was. SandboxError
/// naming the stage (mount, pivot, exec, ...), the path and errno when the sandbox itself can not be made; a command
/// that fails is a result, not an error.
SandboxResult run(const SandboxPlan& plan);

}  // namespace karapace::sandbox
