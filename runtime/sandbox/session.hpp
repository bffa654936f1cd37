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

#include "runtime/sandbox/session_plan.hpp"

namespace karapace::sandbox {

/// Runs one command in the instance of what `reference` stands for. NotFoundError when the environment is not built,
/// SandboxError when a mount is not allowed, when somebody keeps a control file or the list of sessions locked, when
/// binds are asked for in an instance whose mounts a running session has made already, or when the sandbox can not be
/// made.
SandboxResult run_session(const store::Store& store, const store::Reference& reference, const SessionRequest& request);

}  // namespace karapace::sandbox
