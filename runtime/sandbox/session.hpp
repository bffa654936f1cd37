// SPDX-License-Identifier: Apache-2.0
// Sessions: people's commands in an instance of an environment (`enter`, `exec`).
//
// The environment's layers lie below the instance's upper directory, so the build result is never written to. A session
// gets the project's directory at its own path, the manifest's mounts and variables, and nothing else of the host.
//
// Several sessions of one instance run at once although an overlay must not be mounted twice: the first one mounts, the
// others join its namespaces and copy its mounts, which keeps the overlay alive whoever ends first. `instance/session`
// lists the first processes of running sessions (id, start time, id mode); whoever starts one holds a lock on it until
// the new sandbox stands and is listed.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"
#include "store/environment.hpp"
#include "store/store.hpp"

namespace karapace::runtime {

struct SessionRequest {
  std::string name;  // of the environment, for the host name and prompts
  std::vector<std::string> argv;
  Terminal terminal = Terminal::inherit;
  std::map<std::string, std::string> variables;       // beside the usual ones; the manifest's win
  std::filesystem::path working_directory;            // of the caller; kept when it is inside the project
  std::filesystem::path home;                         // of the caller, for "~/" in mounts
  std::vector<std::filesystem::path> allowed_mounts;  // host directories from which manifests may mount
};

/// Runs one command in the instance of what `reference` stands for. NotFoundError when the environment is not built,
/// SandboxError when a mount is not allowed or the sandbox can not be made.
SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request);

/// What run_session runs, for a fresh mount of the instance. Looks at the host's files, but changes nothing.
SandboxPlan session_plan(const store::Store& store, const store::Environment& environment,
                         const store::Instance& instance, const SessionRequest& request);

}  // namespace karapace::runtime
