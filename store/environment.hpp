// SPDX-License-Identifier: Apache-2.0
// Environments (immutable records), roots (which project stands for which environment) and instances (mutable uses).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.hpp"
#include "store/identifiers.hpp"
#include "store/store.hpp"

namespace karapace::store {

enum class MountAccess { read_write, read_only };
enum class ProjectAccess { read_write, read_only };

struct Mount {
  std::string label;
  std::string host;    // as written: absolute, "~/..." or relative to the manifest's directory
  std::string target;  // absolute path inside
  MountAccess access = MountAccess::read_write;
  auto operator<=>(const Mount&) const = default;
};

/// Where sessions must not mount anything, when the target (absolute, normalised) is such a place: what the sandbox
/// makes or writes there itself would be covered, or would be made in the mounted directory of the host. These are
/// /proc, /sys and /dev with all below; /tmp, /run, /run/lock and /etc themselves; and the files that every session
/// gets in /etc.
std::optional<std::string_view> reserved_place(std::string_view target);

/// How an environment runs: part of the environment's identity.
struct RuntimeConfiguration {
  std::map<std::string, std::string> variables;
  std::vector<Mount> mounts;  // sorted by label
  bool network_isolation = false;
  ProjectAccess project = ProjectAccess::read_write;  // how sessions see the project's directory
  auto operator<=>(const RuntimeConfiguration&) const = default;
  /// Canonical compact JSON, keys sorted: the `runtime` parameter of an `environment` step. Access is written where it
  /// is read-only, and only there: what says nothing about it keeps the identity that it had before there was a choice.
  std::string text() const;
  static RuntimeConfiguration parse(std::string_view text, std::string_view what);
};

/// `environments/<id>`: written by the environment step, deterministic.
struct Environment {
  EnvironmentId id;
  StepKey step;                 // the step that made it
  std::vector<LayerId> layers;  // bottom first
  BlobId lock;                  // the canonical lock, kept as a blob
  RuntimeConfiguration runtime;
  std::string text() const;
  static Environment parse(std::string_view text, std::string_view what);
};

/// An equal record that exists already is kept.
void add_environment(const Store& store, const Environment& environment);
/// Nothing when it was not built (or was collected).
std::optional<Environment> find_environment(const Store& store, const EnvironmentId& id);
/// All built environments, sorted by id. A damaged record throws: it must not make its contents look like garbage.
std::vector<Environment> environments(const Store& store);

/// For sessions: a shared lock on the environment's record. While it lives, gc keeps the environment and its layers. Take
/// it before mounting. Works in a read-only store. NotFoundError when the environment is not built.
FileLock use_environment(const Store& store, const EnvironmentId& id);

/// A directory with a graph in it, and the files that the graph is written anew from: what the host believes.
struct GraphPlace {
  std::filesystem::path directory;             // absolute, where build.ninja or steps.cmake is
  std::vector<std::filesystem::path> sources;  // absolute: manifests, locks and keyrings in the root's project, and the graph
  std::string name = {};                       // of the environment there; graphs of one manifest may differ in it
  auto operator<=>(const GraphPlace&) const = default;
};

/// `roots/<BLAKE3 of the manifest's absolute path>`: written by `karapace gen`; what gc keeps.
struct Root {
  std::string name;                // the first of `names`
  std::filesystem::path manifest;  // absolute
  EnvironmentId environment;
  std::int64_t manifest_mtime_ns = 0;  // of manifest and lock when the graph was written: to say "changed since"
  std::int64_t lock_mtime_ns = 0;
  std::vector<StepKey> steps;  // every step of the environment's graph
  std::vector<GraphPlace> graphs = {};  // sorted by directory; records of older versions have none
};
/// What people may call it: its own name first, then those that other graphs of its manifest have, sorted, each once.
std::vector<std::string> names(const Root& root);
/// Replaces the manifest's root. Graphs in other directories that the old one knew stay with their names, unless their
/// directory is gone; the root keeps the name that it has while a graph has it.
void add_root(const Store& store, const Root& root);
/// Reading hundreds of keys takes longer than the rest of a record, and few need them.
enum class RootSteps { read, left_out };
std::optional<Root> find_root(const Store& store, const std::filesystem::path& manifest,
                              RootSteps steps = RootSteps::read);
std::vector<Root> roots(const Store& store);  // sorted by name, then manifest
/// Those whose manifest, or a graph of theirs or a file that it is made from, lies in one of the directories (absolute, without
/// links). StoreError when a record is damaged: what it stands for is not known. None has its steps.
std::vector<Root> roots_in(const Store& store, const std::vector<std::filesystem::path>& directories);
/// Leaves out graphs whose files are gone. Sessions do it before they begin, under lock_graphs: so a graph that a root knows
/// while one runs was there to be covered.
void forget_lost_graphs(const Store& store, const Root& root);
void remove_root(const Store& store, const std::filesystem::path& manifest);
/// The manifest's path by which a root is kept, and that of what stands beside it: the links of its directory resolved,
/// as far as it exists.
std::filesystem::path canonical_manifest(const std::filesystem::path& manifest);

/// What a person's word for an environment stands for.
struct Reference {
  EnvironmentId environment;
  std::optional<Root> root;  // the project, when named by name or path; without its steps
};
/// A path (a manifest or its directory: anything with a slash, or "." for the nearest project above), a root's name, an
/// id, or a unique prefix (at least 4 digits) of one, which stands for the project too when just one has it.
/// NotFoundError with suggestions, or listing the candidates when ambiguous.
Reference resolve_reference(const Store& store, std::string_view word, const std::filesystem::path& working_directory);

/// `instances/<id>/`: the upper directory that sessions of one project write to.
struct Instance {
  std::string id;  // "<environment, 12 digits>" or "<environment, 12 digits>-<project, 8 digits>"
  EnvironmentId environment;
  std::optional<std::filesystem::path> manifest;  // the project it belongs to
  std::filesystem::path directory;                // absolute: instances/<id>
  std::filesystem::path upper() const { return directory / "upper"; }
  std::filesystem::path work() const { return directory / "work"; }
};
/// The instance of this environment and project; nothing when it was never used (or was destroyed). Only looks: works
/// in a store that can not be written.
std::optional<Instance> find_instance(const Store& store, const Reference& reference);
/// The same, made on first use (an empty upper and work directory, both of mode 0755 whatever the umask). It appears
/// whole, also when several processes ask for it first.
Instance open_instance(const Store& store, const Reference& reference);
/// All instances, sorted by id. A damaged one throws: it must not make its environment look unused.
std::vector<Instance> instances(const Store& store);
/// For sessions: a shared lock on the instance, so that `destroy` refuses. Works in a read-only store. Nothing when the
/// instance is gone (destroyed since it was opened: open it again). Destroying takes the exclusive lock: see
/// `remove_instance`.
std::optional<FileLock> use_instance(const Instance& instance);
/// Whether a session runs in it now.
bool instance_in_use(const Instance& instance);
/// Removes the instance with a person's changes. False when a session runs in it. Runs inside the user namespace.
bool remove_instance(const Store& store, const Instance& instance);

}  // namespace karapace::store
