// SPDX-License-Identifier: Apache-2.0
#include "store/migration.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"
#include "store/instance.hpp"
#include "store/root.hpp"
#include "store/store_identity.hpp"

namespace karapace::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* record_name = "instance.json";
constexpr std::string_view to_new = "to 2";
constexpr std::string_view to_old = "to 1";

/// The record of version 1.
struct OldInstance {
  EnvironmentId environment;
  std::optional<fs::path> manifest;
};
constexpr auto old_fields = fields_of<OldInstance>(member("environment", &OldInstance::environment), FormatMember{1},
                                                   member("manifest", &OldInstance::manifest));

std::string in_quotes(const fs::path& path) { return fmt::format("\"{}\"", escaped_utf8(path.native())); }

bool is_there(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_of_format(const fs::path& directory, int format) {
  const auto text = read_file_if_exists(directory / record_name).value_or("");
  return text.find(fmt::format("\n \"format\": {},", format)) != std::string::npos;
}

OldInstance read_old(const fs::path& directory) {
  return read_or_damaged(fmt::format("the instance {}", in_quotes(directory)),
                         "repair it with the karapace that made it (`karapace verify-store --repair`) first", [&] {
                           const auto text = read_file_if_exists(directory / record_name).value_or("");
                           return parse_json(old_fields, unsealed_in_place(text), record_name);
                         });
}

bool has_new_name(const fs::path& directory) {
  const std::string name = directory.filename();
  return name.size() == 16 && name.find('-') == std::string::npos;
}

/// Whose record is of version 2 and whose name is not: what a killed migration had nearly finished.
OldInstance read_converted(const fs::path& directory) {
  const auto instance = find_instance(Store::unchecked(directory.parent_path().parent_path()), directory.filename());
  return {instance->current.environment, instance->manifest};
}

OldInstance read_either(const fs::path& directory) {
  return is_of_format(directory, 2) ? read_converted(directory) : read_old(directory);
}

void move_if_there(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 || errno == ENOENT) return;
  throw StoreError(errno_message(fmt::format("migrate: cannot move {} to {}", in_quotes(from), in_quotes(to)), errno));
}

std::string old_name(const EnvironmentId& environment, const std::optional<fs::path>& manifest) {
  return manifest ? fmt::format("{}-{}", environment.short_hex(), blake3(manifest->native()).hex().substr(0, 8))
                  : environment.short_hex();
}

/// The exclusive use of a store of whatever version.
class Exclusive {
 public:
  explicit Exclusive(const fs::path& root) : root_(root) {
    struct stat status{};
    if (::stat(root.c_str(), &status) != 0)
      throw NotFoundError(fmt::format("there is no store at {} yet, so nothing to migrate", in_quotes(root)));
    if (status.st_uid != ::geteuid())
      throw StoreError(fmt::format("the store {} belongs to another user; migrate it as that one", in_quotes(root)));
    const auto version = version_of(read_file_if_exists(root / "version").value_or(""));
    if (!version) throw StoreError(fmt::format("{} is no store, or its file \"version\" is damaged", in_quotes(root)));
    version_ = *version;
    lock_ = FileLock::try_acquire(root / "lock", LOCK_EX);
    if (!lock_)
      throw StoreError(fmt::format(
          "the store {} is in use: let builds end and leave sessions (`karapace list` shows which run), then "
          "migrate it",
          in_quotes(root)));
    contents_ = FileLock::acquire(root / "locks" / "contents", LOCK_EX);
  }

  int version() const { return version_; }
  void begin(std::string_view migration) const {
    auto identity = read_identity(root_);
    identity.migration = migration;
    write_identity(root_, identity);
  }
  void end_at_new() const {
    auto identity = read_identity(root_);
    identity.migration.clear();
    write_identity(root_, identity);
  }
  void end_at_old() const { write_file_atomically(root_ / "version", "karapace store 1\n", Durable::yes); }

 private:
  fs::path root_;
  int version_ = 0;
  std::optional<FileLock> lock_;
  std::optional<FileLock> contents_;
};

/// Of what sessions of the older program hold.
void refuse_running(const fs::path& directory, const char* lock) {
  if (!is_there(directory / lock) || FileLock::try_acquire_existing(directory / lock, LOCK_EX)) return;
  throw StoreError(fmt::format("migrate: a session is running in the instance {}; end it first", in_quotes(directory)));
}

/// What to call the directories of version 1: a project's newest one becomes the project's own.
class NewIds {
 public:
  explicit NewIds(const fs::path& instances) {
    std::map<fs::path, std::int64_t> newest;
    for (const auto& name : names_in(instances)) {
      if (has_new_name(instances / name)) continue;
      const auto old =
          is_of_format(instances / name, 2) ? read_converted(instances / name) : read_old(instances / name);
      if (!old.manifest) continue;
      const auto upper =
          is_there(instances / name / "upper") ? instances / name / "upper" : instances / name / "current" / "upper";
      const auto changed = modified_ns(upper).value_or(0);
      auto [place, fresh] = newest.emplace(*old.manifest, changed);
      if (!fresh && changed < place->second) continue;
      place->second = changed;
      own_[*old.manifest] = name;
    }
  }
  /// One that is there already was the newest when a killed migration began.
  std::string of(const fs::path& directory, const OldInstance& old) const {
    const auto other = blake3("instance " + directory.filename().native()).hex().substr(0, 16);
    Reference reference{old.environment, std::nullopt};
    if (old.manifest) {
      if (own_.at(*old.manifest) != directory.filename()) return other;
      reference.root = Root{};
      reference.root->manifest = *old.manifest;
    }
    const auto id = instance_id(reference);
    return is_there(directory.parent_path() / id) ? other : id;
  }

 private:
  std::map<fs::path, std::string> own_;
};

/// In this order, so that what a killed migration left can be told apart: the record of version 2 comes last, when what
/// was moved is on the disk where it is now.
void convert(const fs::path& directory, const OldInstance& old) {
  const auto current = directory / "current";
  make_directory_if_missing(current);
  make_directory_if_missing(directory / "snapshots");
  set_environment({1, old.environment, current}, old.environment);
  for (const auto* part : {"upper", "work", "first-entry"}) move_if_there(directory / part, current / part);
  for (const auto& moved : {current, directory}) sync_directory(moved);
  write_file_atomically(directory / "lock", "", Durable::no, 0600);
  Instance instance;
  instance.directory = directory;
  instance.manifest = old.manifest;
  instance.created = modified_ns(current / "work").value_or(0) / 1'000'000'000;
  write_instance(instance);
}

/// Away with what only version 2 has; the name comes last.
void finish_back(const fs::path& directory, const OldInstance& old, Migration& migration) {
  for (const auto* part : {"lock", "instance.json.copy", "current/generation.json", "current/generation.json.copy",
                           "current/scaffold.json", "current/snapshot"})
    ::unlink((directory / part).c_str());
  for (const auto* part : {"current", "snapshots"}) ::rmdir((directory / part).c_str());
  const auto name = old_name(old.environment, old.manifest);
  if (directory.filename() != name) move_if_there(directory, directory.parent_path() / name);
  migration.instances.push_back({directory.filename(), name});
}

void convert_back(const fs::path& directory, const OldInstance& old) {
  for (const auto* part : {"upper", "work", "first-entry"})
    move_if_there(directory / "current" / part, directory / part);
  sync_directory(directory);
  write_file_atomically(directory / record_name, sealed(json_text(old_fields, old)), Durable::yes, 0444);
}

/// What version 1 has no room for.
std::vector<std::string> obstacles(const Instance& instance) {
  std::vector<std::string> found;
  const auto complain = [&](bool is_there, const char* what) {
    if (is_there) found.push_back(fmt::format("the instance {} {}", instance.id, what));
  };
  complain(instance.frozen, "is frozen");
  complain(instance.archived, "is archived");
  complain(!instance.name.empty(), "has a name of its own");
  complain(instance.previous.has_value(), "has an earlier state for `undo`");
  complain(!names_in(instance.directory / "snapshots").empty(), "has snapshots");
  return found;
}

}  // namespace

Migration migrate_store(const fs::path& root) {
  const Exclusive exclusive(root);
  Migration migration{exclusive.version(), store_version, {}};
  if (exclusive.version() > store_version)
    throw StoreError(fmt::format("the store {} is of version {}, newer than this karapace knows", in_quotes(root),
                                 exclusive.version()));
  if (exclusive.version() == store_version && read_identity(root).migration.empty()) return migration;
  const auto instances = root / "instances";
  for (const auto& name : names_in(instances)) refuse_running(instances / name, record_name);
  const NewIds ids(instances);
  exclusive.begin(to_new);
  // In whatever state a migration that was killed, in either direction, left them.
  for (const auto& name : names_in(instances)) {
    const auto directory = instances / name;
    const auto old = read_either(directory);
    const auto id = has_new_name(directory) ? name : ids.of(directory, old);
    convert(directory, old);
    if (id != name) move_if_there(directory, instances / id);
    migration.instances.push_back({name, id});
  }
  sync_directory(instances);
  exclusive.end_at_new();
  return migration;
}

namespace {

/// Version 1 calls instances after their environment and project, and has one of each.
std::vector<std::string> collisions(const fs::path& instances) {
  std::map<std::string, std::string> named;
  std::vector<std::string> found;
  for (const auto& id : names_in(instances)) {
    const auto old = read_either(instances / id);
    const auto [other, is_new] = named.emplace(old_name(old.environment, old.manifest), id);
    if (!is_new)
      found.push_back(
          fmt::format("the instances {} and {} are of one project and in one environment; `karapace destroy` "
                      "one of them, or `karapace export` what it has",
                      other->second, id));
  }
  return found;
}

}  // namespace

Migration migrate_store_back(const fs::path& root) {
  const Exclusive exclusive(root);
  Migration migration{exclusive.version(), 1, {}};
  if (exclusive.version() == 1) return migration;
  if (exclusive.version() != store_version)
    throw StoreError(fmt::format("the store {} is of version {}: only one of version {} can be moved back",
                                 in_quotes(root), exclusive.version(), store_version));
  const auto instances = root / "instances";
  std::vector<std::string> found;
  for (const auto& name : names_in(instances)) {
    refuse_running(instances / name, "lock");
    if (is_of_format(instances / name, 1)) continue;
    for (auto& obstacle : obstacles(find_instance(Store::unchecked(root), name).value()))
      found.push_back(std::move(obstacle));
  }
  for (auto& collision : collisions(instances)) found.push_back(std::move(collision));
  if (!found.empty())
    throw StoreError(
        fmt::format("migrate --back: version 1 can not hold what would be lost: {}", fmt::join(found, "; ")));
  exclusive.begin(to_old);
  for (const auto& name : names_in(instances)) {
    const auto directory = instances / name;
    const auto old = read_either(directory);
    convert_back(directory, old);
    finish_back(directory, old, migration);
  }
  sync_directory(instances);
  exclusive.end_at_old();
  return migration;
}

}  // namespace karapace::store
