// SPDX-License-Identifier: Apache-2.0
#include "store/instance_names.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/instance.hpp"
#include "store/root_index.hpp"

namespace karapace::store {

namespace {

constexpr std::size_t longest_name = 64;

std::filesystem::path path_of(const Store& store, std::string_view name) { return store.root() / "names" / name; }

bool may_stand_in_a_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/// One for each name: whoever names something else does not wait until this is on the disk.
FileLock lock_name(const Store& store, std::string_view name) {
  return store.lock_output(fmt::format("name-{}", name));
}

void forget(const Store& store, const std::string& name, const std::string& id) {
  const auto only_one = lock_name(store, name);
  const auto path = path_of(store, name);
  if (read_file_if_exists(path) == id) ::unlink(path.c_str());
}

void refuse_taken(const Store& store, const Instance& instance, const std::string& name) {
  if (const auto other = find_named_instance(store, name); other && other->id != instance.id)
    throw StoreError(fmt::format("the instance {} is called \"{}\" already; choose another name", other->id, name));
  for (const auto& root : RootIndex::read(store).named(name))
    if (instance.manifest != root.manifest)
      throw StoreError(fmt::format("the project {} is called \"{}\"; choose another name",
                                   escaped_utf8(root.manifest.native()), name));
}

}  // namespace

std::optional<std::string> judge_instance_name(std::string_view name) {
  const bool is_fine = !name.empty() && name.size() <= longest_name && name.front() != '.' && name.front() != '-' &&
                       std::all_of(name.begin(), name.end(), may_stand_in_a_name);
  constexpr std::size_t shortest_id = 4;
  const bool is_id = name.size() >= shortest_id && std::all_of(name.begin(), name.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                     });
  if (is_id) return "could be an id: it needs a letter beyond f, or another character";
  if (is_fine) return std::nullopt;
  return fmt::format("must be of 1 to {} letters, digits, \"_\", \"-\" and \".\", and begin with none of the last two",
                     longest_name);
}

std::optional<Instance> find_named_instance(const Store& store, std::string_view name) {
  if (judge_instance_name(name)) return std::nullopt;
  const auto id = read_file_if_exists(path_of(store, name));
  if (!id || id->find('/') != std::string::npos || id->starts_with('.')) return std::nullopt;
  auto instance = find_instance(store, *id);
  if (!instance)
    for (auto& other : instances(store).whole)
      if (other.name == name) instance = std::move(other);
  if (!instance || instance->name != name) return std::nullopt;
  return instance;
}

std::vector<std::string> given_names(const Store& store) {
  auto names = names_in(store.root() / "names");
  std::erase_if(names, [](const std::string& name) { return judge_instance_name(name).has_value(); });
  return names;
}

void name_instance(const Store& store, Instance& instance, const std::string& name) {
  if (const auto complaint = judge_instance_name(name))
    throw UsageError(fmt::format("the name \"{}\" {}", escaped_utf8(name), *complaint));
  make_directory_if_missing(store.root() / "names");
  const auto old = instance.name;
  {
    const auto only_one = lock_name(store, name);
    refuse_taken(store, instance, name);
    write_file_atomically(path_of(store, name), instance.id, Durable::yes, 0444);
    instance.name = name;
    write_instance(instance);
  }
  // Somebody else may have it already.
  if (!old.empty() && old != name) forget(store, old, instance.id);
}

void point_instance_name(const Store& store, const Instance& instance) {
  const auto only_one = store.lock_output("names");
  write_file_atomically(path_of(store, instance.name), instance.id, Durable::yes, 0444);
}

void forget_instance_name(const Store& store, const Instance& instance) {
  if (!instance.name.empty()) forget(store, instance.name, instance.id);
}

}  // namespace karapace::store
