// SPDX-License-Identifier: Apache-2.0
// What a session is asked for, and what follows from that before anything is started: in which environment it runs,
// where its changes go, what of the host it is shown.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "base/waiting.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "store/environment.hpp"
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
  std::vector<Bind> release_binds = {};                     // what a release is, each at its place
  std::string programs = {};                                // a directory inside that goes first in PATH; "": none
  /// What people and programs outside believe of what lies in these directories, which the session shows: it is shown
  /// read-only, and held (flock(2), shared) as long as the session runs. Absolute; what does not exist is left out.
  std::function<ControlFiles(const std::vector<std::filesystem::path>& shown)> control_files = {};
  bool shows_control_files_writable = false;  // some are left out above, so other sessions' mounts would not do
  Notice notice = {};                         // told what is waited for
  Notice moved = {};                          // told that the instance went to another environment
  Notice made = {};                           // told what the instance's first entry made
};

/// The option for which a session can not join a running one, whose mounts hold; "" when it can.
std::string_view option_with_own_mounts(const SessionRequest& request);

enum class Changes { in_instance, in_staging, in_memory };

Changes where_changes_go(const store::Store& store, const SessionRequest& request);

/// What is as it was built is the project's; changes that can not be moved along are shown where they were made.
EnvironmentId environment_without_moving(const store::Store& store, const store::Reference& reference, Changes changes);

bool is_built(const store::Store& store, const EnvironmentId& id);

/// What is known of an environment, kept from gc while the lock lives.
struct HeldEnvironment {
  store::Environment environment;
  FileLock lock;
};

/// NotFoundError when it is not built, StoreError when a layer of it is lost. `manifest` tells where that is mended.
HeldEnvironment hold_environment(const store::Store& store, const EnvironmentId& id,
                                 const std::optional<std::filesystem::path>& manifest);
[[noreturn]] void refuse_unbuilt(const EnvironmentId& environment,
                                 const std::optional<std::filesystem::path>& manifest);

/// Where a session's changes go, and the project that it belongs to.
struct SessionPlace {
  std::filesystem::path upper;
  std::filesystem::path work;
  std::optional<std::filesystem::path> project;  // the manifest's directory
};

std::optional<std::filesystem::path> manifest_of(const store::Reference& reference);
std::optional<std::filesystem::path> project_of(const std::optional<std::filesystem::path>& manifest);

/// SandboxError when a mount is not allowed or the store would be shown.
SandboxPlan session_plan(const store::Store& store, const store::Environment& environment, const SessionPlace& place,
                         const SessionRequest& request);
/// The same where nothing is kept: what was changed in the instance lies below the memory, unless none of it is wanted.
SandboxPlan plan_in_memory(const store::Store& store, const store::Environment& environment,
                           const store::Reference& reference, const SessionRequest& request);

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
