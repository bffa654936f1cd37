// SPDX-License-Identifier: Apache-2.0
// Instances: made in staging and renamed into place, so that one either has all its parts or does not exist.
#include "store/instance.hpp"

#include <cerrno>
#include <set>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/file_lock.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"
#include "base/remove_tree.hpp"
#include "store/environment.hpp"
#include "store/reference.hpp"
#include "store/repair.hpp"
#include "store/root.hpp"
#include "store/trash.hpp"

namespace karapace::store {

namespace {

constexpr const char* record_name = "instance.json";

std::string project_digits(const std::filesystem::path& manifest) {
  return blake3(manifest.native()).hex().substr(0, 8);
}

std::string id_of(const Reference& reference) {
  auto id = reference.environment.short_hex();
  return reference.root ? id + '-' + project_digits(reference.root->manifest) : id;
}

constexpr auto instance_fields = fields_of<Instance>(member("environment", &Instance::environment), FormatMember{1},
                                                     member("manifest", &Instance::manifest));

Instance instance_from(std::string_view text, const std::filesystem::path& directory) {
  auto instance = parse_json(instance_fields, unsealed_in_place(text), record_name);
  instance.id = directory.filename();
  instance.directory = directory;
  if (!instance.id.starts_with(instance.environment.short_hex())) throw std::invalid_argument("not its environment");
  return instance;
}

bool still_named(int fd, const std::filesystem::path& path) {
  struct stat held{};
  struct stat named{};
  if (::fstat(fd, &held) != 0 || ::lstat(path.c_str(), &named) != 0) return false;
  return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/// Nothing when there is no instance. One that is made or removed meanwhile is there whole or not at all: directory and
/// record are opened as one, and a directory is without a record only if it has its name still when that is known.
std::optional<Instance> read_instance(const std::filesystem::path& directory) {
  auto what = fmt::format("the instance \"{}\"", escaped_utf8(directory.native()));
  for (;;) {
    auto opened = open_if_exists(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return std::nullopt;
    auto record = open_if_exists(opened->get(), record_name, O_RDONLY | O_NOFOLLOW);
    if (!record && !still_named(opened->get(), directory)) continue;
    auto text = record ? read_all(record->get(), what) : std::string();
    return read_or_damaged(what, "its changes are in \"upper\": save them, then remove the directory",
                           [&] { return instance_from(text, directory); });
  }
}

void make_instance(const Store& store, const Reference& reference, const std::filesystem::path& directory) {
  auto staging = store.stage();
  auto made = staging.path() / "instance";
  make_directory(made);
  make_directory(made / "upper");
  make_directory(made / "work");
  Instance instance;
  instance.environment = reference.environment;
  if (reference.root) instance.manifest = reference.root->manifest;
  write_file_atomically(made / record_name, sealed(json_text(instance_fields, instance)), Durable::yes, 0444);
  auto lock = store.lock_contents(LOCK_SH);
  if (::rename(made.c_str(), directory.c_str()) == 0 || errno == EEXIST || errno == ENOTEMPTY) return;
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(directory.native())), errno));
}

/// The only environment, of those that the store knows, whose id begins with these digits.
std::optional<EnvironmentId> only_environment(const std::set<EnvironmentId>& known, std::string_view digits) {
  std::optional<EnvironmentId> found;
  for (const auto& id : known) {
    if (id.short_hex() != digits) continue;
    if (found) return std::nullopt;
    found = id;
  }
  return found;
}

}  // namespace

void check_instance(const Store& store, const std::string& name) { read_instance(store.instances_path() / name); }

bool restore_instance(const Store& store, const std::string& name) {
  auto dash = name.find('-');
  std::set<EnvironmentId> known;
  Instance instance;
  for (const auto& environment : environments(store)) known.insert(environment.id);
  for (const auto& root : roots(store)) {
    known.insert(root.environment);
    if (dash != name.npos && project_digits(root.manifest) == name.substr(dash + 1)) instance.manifest = root.manifest;
  }
  auto environment = only_environment(known, name.substr(0, dash));
  if (!environment || (dash != name.npos && !instance.manifest)) return false;
  instance.environment = *environment;
  auto path = store.instances_path() / name / record_name;
  publish_file(store.staging_path(), path, sealed(json_text(instance_fields, instance)), Durable::yes);
  return true;
}

std::optional<Instance> find_instance(const Store& store, const Reference& reference) {
  auto instance = read_instance(store.instances_path() / id_of(reference));
  if (!instance || instance->environment == reference.environment) return instance;
  throw StoreError(
      fmt::format("the instance {} belongs to the environment {}, not to {}, which begins alike; destroy it "
                  "first",
                  instance->id, instance->environment.hex(), reference.environment.hex()));
}

Instance open_instance(const Store& store, const Reference& reference) {
  for (;;) {
    if (auto instance = find_instance(store, reference)) return *std::move(instance);
    make_instance(store, reference, store.instances_path() / id_of(reference));
  }
}

std::vector<Instance> instances(const Store& store) {
  std::vector<Instance> found;
  for (const auto& name : names_in(store.instances_path())) {
    if (auto instance = read_instance(store.instances_path() / name)) found.push_back(std::move(*instance));
  }
  return found;
}

std::optional<FileLock> use_instance(const Instance& instance) {
  return FileLock::acquire_existing(instance.directory / record_name, LOCK_SH);
}

bool instance_in_use(const Instance& instance) {
  bool lockable = FileLock::try_acquire_existing(instance.directory / record_name, LOCK_EX).has_value();
  return !lockable && ::access((instance.directory / record_name).c_str(), F_OK) == 0;
}

bool remove_instance(const Store& store, const Instance& instance) {
  auto lock = FileLock::try_acquire_existing(instance.directory / record_name, LOCK_EX);
  if (!lock) return ::access(instance.directory.c_str(), F_OK) != 0;
  give_up_reserve_if_full(store);
  auto removed = move_to_trash(store, instance.directory, "instance-" + instance.id);
  if (!removed.empty()) remove_tree(removed);
  return true;
}

}  // namespace karapace::store
