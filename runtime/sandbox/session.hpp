// SPDX-License-Identifier: Apache-2.0
// Sessions: people's commands in an instance of an environment (`enter`, `exec`).
//
// The environment's layers lie below the instance's upper directory, so the build result is never written to. A session
// gets the project's directory at its own path, the manifest's mounts and variables, what the caller binds, and nothing
// else of the host: the store is hidden in whatever is bound, and the project's control files (manifest, lock, graph)
// are read-only. An ephemeral session has an upper directory of its own in staging/, which is removed when it ends: it
// finds the environment as it was built, whatever was done in the instance. Where the store can not be written to,
// changes are kept in memory. The first session of an instance makes what that has of its own (first_entry.hpp); where
// nothing is kept, nothing is made.
//
// Several sessions of one instance run at once although an overlay must not be mounted twice: the first one mounts, the
// others join its namespaces and copy its mounts, which keeps the overlay alive whoever ends first. `instance/session`
// lists the first processes of running sessions (id, start time, id mode); whoever starts one holds a lock on it until
// the new sandbox stands and is listed.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/waiting.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "store/reference.hpp"
#include "store/store.hpp"

namespace karapace::sandbox {

enum class Persistence {
  instance,   // changes stay in the project's instance
  ephemeral,  // changes are gone when the session ends
};

/// What the host believes of projects.
struct ControlFiles {
  std::vector<std::filesystem::path> all;        // absolute; what does not exist is left out
  std::vector<std::filesystem::path> of_people;  // those of them that people may make links
};

struct SessionRequest {
  std::string name;  // of the environment, for the host name and prompts
  std::vector<std::string> argv;
  Terminal terminal = Terminal::inherit;
  std::map<std::string, std::string> variables;       // beside the usual ones; the manifest's win
  std::filesystem::path working_directory;            // of the caller; kept when it is inside the project
  std::filesystem::path home;                         // of the caller, for "~/" in mounts
  std::vector<std::filesystem::path> allowed_mounts;  // host directories from which manifests may mount
  Persistence persistence = Persistence::instance;
  std::vector<std::filesystem::path> binds = {};            // absolute; shown at their own paths, writable
  std::vector<std::filesystem::path> read_only_binds = {};  // the same, read-only
  std::vector<std::filesystem::path> store_binds = {};      // of the store, at their own paths, read-only (a sysroot)
  /// What people and programs outside believe of what lies in these directories, which the session shows: it is shown
  /// read-only, and held (flock(2), shared) as long as the session runs. Absolute; what does not exist is left out.
  std::function<ControlFiles(const std::vector<std::filesystem::path>& shown)> control_files = {};
  bool shows_control_files_writable = false;  // some are left out above, so other sessions' mounts would not do
  Notice notice = {};                         // told what is waited for
  Notice moved = {};                          // told that the instance went to another environment
  Notice made = {};                           // told what the instance's first entry made
};

/// Runs one command in the instance of what `reference` stands for. NotFoundError when the environment is not built,
/// SandboxError when a mount is not allowed, when somebody keeps a control file or the list of sessions locked, when
/// binds are asked for in an instance whose mounts a running session has made already, or when the sandbox can not be
/// made.
SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request);

/// The option for which a session can not join a running one, whose mounts hold; "" when it can.
std::string_view option_with_own_mounts(const SessionRequest& request);

enum class Changes { in_instance, in_staging, in_memory };

/// What run_session would start.
struct PlannedSession {
  SandboxPlan plan;
  Changes changes{};
  std::optional<pid_t> running = {};  // process 1 of the session that it would join
};

/// The plan, without starting or making anything. The same errors.
PlannedSession plan_session(const store::Store& store, const store::Reference& reference,
                            const SessionRequest& request);

}  // namespace karapace::sandbox
