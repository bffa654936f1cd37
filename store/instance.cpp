// SPDX-License-Identifier: Apache-2.0
// Instances: made in staging and renamed into place, so that one either has all its parts or does not exist.
#include "store/instance.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"
#include "base/parallel.hpp"
#include "base/remove_tree.hpp"
#include "store/instance_index.hpp"
#include "store/instance_names.hpp"
#include "store/kept_record.hpp"
#include "store/repair.hpp"
#include "store/root.hpp"
#include "store/snapshot.hpp"
#include "store/trash.hpp"

namespace karapace::store {

namespace {

constexpr const char* record_name = instance_record;
constexpr const char* lock_name = "lock";
constexpr std::size_t id_digits = 16;

constexpr auto instance_fields = fields_of<Instance>(
    member("archived", &Instance::archived), member("created", &Instance::created), FormatMember{2},
    member("frozen", &Instance::frozen), member("manifest", &Instance::manifest), member("name", &Instance::name));

std::optional<Instance> read_instance(const std::filesystem::path& directory) {
  const auto all = open_if_exists(AT_FDCWD, directory.parent_path(), O_PATH | O_DIRECTORY);
  return all ? store::read_instance(all->get(), directory) : std::nullopt;
}

void make_instance(const Store& store, const Reference& reference, const std::filesystem::path& directory) {
  const auto staging = store.stage();
  const auto made = staging.path() / "instance";
  make_directory(made);
  make_directory(made / "snapshots");
  write_file_atomically(made / lock_name, "", Durable::no, 0600);
  make_generation(made / "current", 1, reference.environment, Durable::yes);
  Instance instance;
  instance.directory = made;
  instance.created = std::time(nullptr);
  if (reference.root) instance.manifest = reference.root->manifest;
  write_instance(instance);  // forces all of these names to the disk
  {
    const auto lock = store.lock_contents(LOCK_SH);
    if (::rename(made.c_str(), directory.c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY)
      throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(directory.native())), errno));
  }
  sync_directory(store.instances_path());
}

template <class Record>
std::optional<EnvironmentId> environment_of(const std::optional<Record>& record) {
  return record ? std::optional(record->environment) : std::nullopt;
}

std::string id_for(const Reference& reference) { return reference.instance.value_or(instance_id(reference)); }

/// Nothing when others hold it otherwise (without waiting only), or the instance is gone. A lock file that is gone
/// while the instance is there, as after an incomplete copy of the store, is made again.
std::optional<FileLock> lock_instance(const Instance& instance, int mode, bool waits) {
  const auto path = instance.directory / lock_name;
  for (;;) {
    auto lock = waits ? FileLock::acquire_existing(path, mode) : FileLock::try_acquire_existing(path, mode);
    if (lock || ::access(path.c_str(), F_OK) == 0) return lock;
    if (!open_if_exists(AT_FDCWD, instance.directory, O_PATH | O_DIRECTORY)) return std::nullopt;
    const Fd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made && errno != ENOENT)
      throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(path.native())), errno));
  }
}

std::optional<HeldInstance> held(const Instance& instance, std::optional<FileLock> lock) {
  if (!lock) return std::nullopt;
  auto now = read_instance(instance.directory);
  if (!now) return std::nullopt;
  return HeldInstance{*std::move(now), *std::move(lock)};
}

}  // namespace

// One that is made or removed meanwhile is there whole or not at all: directory and record are opened as one, and a
// directory is without a record only if it has its name still when that is known.
std::optional<Instance> read_instance(int all, const std::filesystem::path& directory) {
  const auto what = fmt::format("the instance \"{}\"", escaped_utf8(directory.native()));
  constexpr auto remedy = "run `karapace verify-store --repair`; its changes are in \"current/upper\"";
  for (;;) {
    const auto opened = open_if_exists(all, directory.filename(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return std::nullopt;
    const auto record = open_if_exists(opened->get(), record_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!record && !still_named(opened->get(), directory)) continue;
    const auto text = record ? read_all(record->get(), what) : std::string();
    auto instance = read_or_damaged(what, remedy,
                                    [&] { return parse_json(instance_fields, unsealed_in_place(text), record_name); });
    auto current = read_generation(opened->get(), directory / "current");
    if (!current && !still_named(opened->get(), directory)) continue;
    if (!current) refuse_damaged(what, remedy, "its directory \"current\" is missing");
    instance.id = directory.filename();
    instance.directory = directory;
    instance.current = *std::move(current);
    instance.previous = read_generation(opened->get(), directory / "previous");
    instance.next = read_generation(opened->get(), directory / "next");
    return instance;
  }
}

std::optional<std::string> damage_in(const std::function<void()>& read) {
  try {
    read();
    return std::nullopt;
  } catch (const CallError& error) {
    if (!error.is_of_what_is_there()) throw;
    return error.what();
  } catch (const StoreError& error) {
    return error.what();
  }
}

std::string instance_text(const Instance& instance) {
  return json_text(instance_fields, instance, JsonWriter::Space::none);
}

Instance instance_from(std::string_view text) { return parse_json(instance_fields, text, record_name); }

unsigned threads_for_instances(std::size_t count) {
  constexpr std::size_t too_few_for_a_thread = 100;
  return static_cast<unsigned>(std::min<std::size_t>(available_threads(), 1 + count / too_few_for_a_thread));
}

std::string instance_id(const Reference& reference) {
  if (!reference.root) return blake3("environment " + reference.environment.hex()).hex().substr(0, id_digits);
  return blake3(reference.root->manifest.native()).hex().substr(0, id_digits);
}

void check_instance(const Store& store, const std::string& name) { read_instance(store.instances_path() / name); }

std::optional<Instance> find_instance(const Store& store, const std::string& id) {
  return read_instance(store.instances_path() / id);
}

std::optional<Instance> find_instance(const Store& store, const Reference& reference) {
  return find_instance(store, id_for(reference));
}

Instance open_instance(const Store& store, const Reference& reference) {
  for (;;) {
    if (auto instance = find_instance(store, reference)) return *std::move(instance);
    make_instance(store, reference, store.instances_path() / id_for(reference));
  }
}

AllInstances instances(const Store& store) {
  const auto directory = open_if_exists(AT_FDCWD, store.instances_path(), O_RDONLY | O_DIRECTORY);
  if (!directory) return {};
  const auto names = names_in(directory->get(), store.instances_path());
  std::vector<std::optional<Instance>> read(names.size());
  std::vector<std::optional<std::string>> damage(names.size());
  for_each_index(names.size(), threads_for_instances(names.size()), [&](std::size_t i) {
    damage[i] = damage_in([&] { read[i] = read_instance(directory->get(), store.instances_path() / names[i]); });
  });
  AllInstances all;
  all.whole.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (read[i]) all.whole.push_back(*std::move(read[i]));
    if (damage[i]) all.damaged.push_back({names[i], store.instances_path() / names[i], *std::move(damage[i])});
  }
  return all;
}

std::vector<InstanceNeeds> needs_of_instances(const Store& store) {
  std::vector<InstanceNeeds> all;
  for (const auto& name : names_in(store.instances_path()))
    if (auto needs = needs_of_instance(store, name)) all.push_back(*std::move(needs));
  return all;
}

/// Record by record: one that is damaged says nothing against what the others tell.
std::optional<InstanceNeeds> needs_of_instance(const Store& store, const std::string& id) {
  const auto directory = store.instances_path() / id;
  InstanceNeeds needs;
  needs.id = id;
  std::optional<Instance> whole;
  const auto damaged = damage_in([&] { whole = read_instance(directory); });
  if (!damaged && !whole) return std::nullopt;
  if (whole) needs.name = whole->name;
  const auto add = [&](auto&& read) {
    std::optional<EnvironmentId> environment;
    if (damage_in([&] { environment = environment_of(read()); })) needs.all_known = false;
    if (environment) needs.environments.push_back(*environment);
    return environment.has_value();
  };
  if (!add([&] { return read_generation(directory / "current"); })) needs.all_known = false;
  for (const auto* name : {"previous", "next"}) add([&] { return read_generation(directory / name); });
  for (const auto& name : names_in(directory / "snapshots"))
    add([&] { return read_snapshot(directory / "snapshots" / name); });
  return needs;
}

Instance only_place_of(const DamagedInstance& damaged) {
  Instance place;
  place.id = damaged.id;
  place.directory = damaged.directory;
  return place;
}

std::optional<HeldInstance> use_instance(const Instance& instance) {
  return held(instance, lock_instance(instance, LOCK_SH, true));
}

std::optional<HeldInstance> own_instance(const Store& store, const Instance& instance) {
  auto lock = lock_instance(instance, LOCK_EX, false);
  if (lock) settle_generations(store, instance.directory);
  return held(instance, std::move(lock));
}

bool instance_in_use(const Instance& instance) {
  const auto path = instance.directory / lock_name;
  return !FileLock::try_acquire_existing(path, LOCK_EX) && ::access(path.c_str(), F_OK) == 0;
}

void write_instance(const Instance& instance) {
  write_kept_record(instance.directory / record_name, json_text(instance_fields, instance));
}

void give_instance(const Store& store, Instance& instance, const std::filesystem::path& manifest,
                   const std::optional<Instance>& replaced) {
  if (replaced) {
    forget_instance_name(store, *replaced);
    const auto trash = move_to_trash(store, replaced->directory, "instance-" + replaced->id);
    if (!trash.empty()) remove_tree(trash);
  }
  // The new place finds it by its id. A kill before the record says so, too, leaves it there, and asked again it is
  // told.
  Root root;
  root.manifest = manifest;
  const auto id = instance_id({instance.current.environment, root});
  const auto directory = store.instances_path() / id;
  if (instance.directory != directory) {
    const auto lock = store.lock_contents(LOCK_SH);  // gc reads them one by one, and must not miss it
    if (::renameat2(AT_FDCWD, instance.directory.c_str(), AT_FDCWD, directory.c_str(), RENAME_NOREPLACE) != 0)
      throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(directory.native())), errno));
  }
  const auto parent = open_at(AT_FDCWD, store.instances_path(), O_RDONLY | O_DIRECTORY);
  if (::fsync(parent.get()) != 0) throw StoreError(errno_message("cannot force the instance to the disk", errno));
  instance = read_instance(directory).value();
  instance.manifest = manifest;
  write_instance(instance);
  if (!instance.name.empty()) point_instance_name(store, instance);
}

bool remove_instance(const Store& store, const Instance& instance) {
  const auto lock = lock_instance(instance, LOCK_EX, false);
  if (!lock) return ::access(instance.directory.c_str(), F_OK) != 0;
  give_up_reserve_if_full(store);
  forget_instance_name(store, instance);
  const auto removed = move_to_trash(store, instance.directory, "instance-" + instance.id);
  if (!removed.empty()) remove_tree(removed);
  return true;
}

}  // namespace karapace::store
