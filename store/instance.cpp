// SPDX-License-Identifier: Apache-2.0
// Instances: made in staging and renamed into place, so that one either has all its parts or does not exist.
#include <cerrno>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/directory.hpp"
#include "store/environment.hpp"
#include "store/json_record.hpp"

namespace karapace::store {

namespace {

constexpr const char* record_name = "instance.json";

std::string id_of(const Reference& reference) {
  auto id = reference.environment.short_hex();
  if (!reference.root) return id;
  return id + '-' + blake3(reference.root->manifest.native()).hex().substr(0, 8);
}

Instance instance_from(const nlohmann::json& json, const std::filesystem::path& directory) {
  require_fields(json, {"environment", "format", "manifest"});
  if (json.at("format") != 1) throw std::invalid_argument("unknown format");
  Instance instance;
  instance.id = directory.filename();
  instance.environment = id_field<EnvironmentId>(json.at("environment"));
  if (!json.at("manifest").is_null()) instance.manifest = path_from(json.at("manifest"));
  instance.directory = directory;
  if (!instance.id.starts_with(instance.environment.short_hex())) throw std::invalid_argument("not its environment");
  return instance;
}

std::optional<Instance> read_instance(const std::filesystem::path& directory) {
  auto text = read_file_if_exists(directory / record_name);
  struct stat status{};
  if (!text && ::stat(directory.c_str(), &status) != 0) return std::nullopt;
  auto what = fmt::format("the instance \"{}\"", escaped_utf8(directory.native()));
  return read_sealed_record(text.value_or(""), what, "its changes are in \"upper\": save them, then remove the directory",
                     [&](const nlohmann::json& json) { return instance_from(json, directory); });
}

void make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return;
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(path.native())), errno));
}

void make_instance(const Store& store, const Reference& reference, const std::filesystem::path& directory) {
  auto staging = store.stage();
  auto made = staging.path() / "instance";
  make_directory(made);
  make_directory(made / "upper");
  make_directory(made / "work");
  nlohmann::json record = {{"environment", reference.environment.hex()}, {"format", 1}, {"manifest", nullptr}};
  if (reference.root) record["manifest"] = path_field(reference.root->manifest);
  write_file_atomically(made / record_name, sealed(record.dump(1) + "\n"), Durable::yes);
  auto lock = store.lock_contents(LOCK_SH);
  if (::rename(made.c_str(), directory.c_str()) == 0 || errno == EEXIST || errno == ENOTEMPTY) return;
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(directory.native())), errno));
}

}  // namespace

Instance open_instance(const Store& store, const Reference& reference) {
  auto directory = store.instances_path() / id_of(reference);
  for (;;) {
    auto instance = read_instance(directory);
    if (!instance) {
      make_instance(store, reference, directory);
      continue;
    }
    if (instance->environment == reference.environment) return *instance;
    throw StoreError(fmt::format("the instance {} belongs to the environment {}, not to {}, which begins alike; destroy it "
                                 "first", instance->id, instance->environment.hex(), reference.environment.hex()));
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

bool remove_instance(const Store& store, const Instance& instance) {
  auto lock = FileLock::try_acquire_existing(instance.directory / record_name, LOCK_EX);
  if (!lock) return ::access(instance.directory.c_str(), F_OK) != 0;
  auto staging = store.stage();
  auto removed = staging.path() / "instance";
  if (::rename(instance.directory.c_str(), removed.c_str()) != 0 && errno != ENOENT) {
    throw StoreError(errno_message(fmt::format("cannot remove \"{}\"", escaped_utf8(instance.directory.native())), errno));
  }
  remove_tree(removed);
  return true;
}

}  // namespace karapace::store
