// SPDX-License-Identifier: Apache-2.0
// Instances: people's mutable uses of environments, `instances/<id>/`.
//
//   instance.json      what it is called and whose it is (a kept record, kept_record.hpp)
//   lock               empty, never replaced: sessions hold it shared, whoever replaces or removes something
//   exclusively current/, previous/  generations (generation.hpp): the environment and the changes to it
//   snapshots/<id>/    changes that were committed (snapshot.hpp)
//   session, shown     the running sessions, and what their mounts show
//
// An instance belongs to a project, or to an environment that was named by its id, and stays at its environment until
// it is moved: a build never touches it. What is in it can not be made again: it is forced to the disk before it gets
// its name, and nothing but `destroy` removes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "store/generation.hpp"
#include "store/identifiers.hpp"
#include "store/reference.hpp"
#include "store/store.hpp"

namespace karapace::store {

struct Instance {
  std::string id;                                 // 16 hexadecimal digits
  std::string name;                               // what a person called it (instance_names.hpp); empty: as its project
  std::optional<std::filesystem::path> manifest;  // the project it belongs to
  std::int64_t created = 0;                       // seconds since 1970
  bool frozen = false;                            // sessions change nothing
  bool archived = false;                          // no sessions
  Generation current;
  std::optional<Generation> previous;
  std::optional<Generation> next;   // what a killed process left; ended by own_instance
  std::filesystem::path directory;  // absolute: instances/<id>
  std::filesystem::path upper() const { return current.upper(); }
  std::filesystem::path work() const { return current.work(); }
};

/// One of which a record, or the copy that a repair has yet to bring it back from, is damaged. It can not be used.
struct DamagedInstance {
  std::string id;
  std::filesystem::path directory;
  std::string reason;  // with the remedy, for people
};
struct AllInstances {
  std::vector<Instance> whole;
  std::vector<DamagedInstance> damaged;
};

/// Why what `read` reads is damaged; nothing when it is not. What can not be read now is no damage: CallError.
std::optional<std::string> damage_in(const std::function<void()>& read);

/// What gc has to keep for an instance.
struct InstanceNeeds {
  std::string id;
  std::string name;                         // as of Instance; empty where that is not known
  std::vector<EnvironmentId> environments;  // of its generations and snapshots
  bool all_known = true;                    // else a record is damaged, and it may need whatever there is
};

/// An instance that can not be replaced or removed meanwhile; or that only the holder uses.
struct HeldInstance {
  Instance instance;
  FileLock lock;
};

/// The id of the project's, or of the environment's own instance.
std::string instance_id(const Reference& reference);
/// The instance that the reference names, else the project's, else the environment's own; nothing when it was never
/// used (or was destroyed). Only looks: works in a store that can not be written.
std::optional<Instance> find_instance(const Store& store, const Reference& reference);
std::optional<Instance> find_instance(const Store& store, const std::string& id);
/// The same, made on first use. It appears whole, also when several processes ask for it first.
Instance open_instance(const Store& store, const Reference& reference);
/// All instances, sorted by id.
AllInstances instances(const Store& store);
/// What each of them needs, the damaged ones too: these must not make their environments look unused.
std::vector<InstanceNeeds> needs_of_instances(const Store& store);
/// The same of one; nothing when it is gone.
std::optional<InstanceNeeds> needs_of_instance(const Store& store, const std::string& id);
/// A damaged one as far as anybody needs it who removes it.
Instance only_place_of(const DamagedInstance& damaged);

/// For sessions: shared, so that `destroy` refuses. Works in a read-only store. Nothing when the instance is gone
/// (destroyed since it was opened: open it again). What it returns was read under the lock.
std::optional<HeldInstance> use_instance(const Instance& instance);
/// Exclusively, after what a killed process had begun is ended. Nothing when sessions run in it, or it is gone.
std::optional<HeldInstance> own_instance(const Store& store, const Instance& instance);
/// Whether a session runs in it now.
bool instance_in_use(const Instance& instance);
/// Writes what changed in name, manifest, frozen and archived. The caller holds it.
void write_instance(const Instance& instance);
/// Makes it the instance of the project with this manifest, as when that was moved there: its id is another then, all
/// else stays. The caller holds it exclusively, and so `replaced`, which goes: the one that the project had. Runs
/// inside the user namespace.
void give_instance(const Store& store, Instance& instance, const std::filesystem::path& manifest,
                   const std::optional<Instance>& replaced);
/// Removes the instance with a person's changes. False when a session runs in it. Runs inside the user namespace.
bool remove_instance(const Store& store, const Instance& instance);

}  // namespace karapace::store
