// SPDX-License-Identifier: Apache-2.0
#include "generator/lock/environment_lock.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "store/cached_text.hpp"

namespace karapace::lock {

Lock lock_of(const store::Store& store, const store::Environment& environment) {
  auto blob = store.open_blob(environment.lock);
  auto text = read_all(blob.get(), "a lock");
  if (BlobId(blake3(text)) != environment.lock) {
    throw StoreError(
        fmt::format("the lock of environment {} is damaged in the store; run `karapace verify-store "
                    "--repair`, then ninja again",
                    environment.id.short_hex()));
  }
  return parse_lock(text, fmt::format("the lock of environment {}", environment.id.short_hex()));
}

std::string base_of(const Lock& lock) { return lock.request.base_image; }

namespace {

using Bases = std::map<EnvironmentId, std::optional<std::string>>;

constexpr std::string_view bases_name = "bases.index";

/// A line each: the id, a space, the base.
Bases kept_bases(const store::Store& store) {
  Bases bases;
  auto text = store::cached_text(store, bases_name).value_or("");
  auto rest = std::string_view(text);
  for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    auto space = line.find(' ');
    if (auto id = EnvironmentId::from_hex(line.substr(0, space))) bases.emplace(*id, line.substr(space + 1));
  }
  return bases;
}

void keep_bases(const store::Store& store, const Bases& bases) {
  std::string text;
  for (const auto& [id, base] : bases) {
    if (base) text += fmt::format("{} {}\n", id.hex(), *base);
  }
  if (auto staging = store::staging_if_writable(store)) store::keep_text(store, *staging, bases_name, text);
}

std::optional<std::string> base_if_known(const store::Store& store, const EnvironmentId& id) {
  try {
    auto environment = store::find_environment(store, id);
    return environment ? std::optional(base_of(lock_of(store, *environment))) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Bases bases_of_built(const store::Store& store) {
  auto kept = kept_bases(store);
  Bases bases;
  std::vector<Bases::iterator> unknown;
  for (const auto& name : names_in(store.root() / "environments")) {
    auto id = EnvironmentId::from_hex(name);
    if (!id) continue;
    auto known = kept.find(*id);
    auto added = bases.emplace(*id, known == kept.end() ? std::nullopt : std::move(known->second)).first;
    if (!added->second) unknown.push_back(added);
  }
  for_each_index(unknown.size(), available_threads(),
                 [&](std::size_t i) { unknown[i]->second = base_if_known(store, unknown[i]->first); });
  bool is_more_known = std::any_of(unknown.begin(), unknown.end(), [](auto base) { return base->second.has_value(); });
  if (is_more_known) keep_bases(store, bases);
  return bases;
}

std::vector<LockedPackage> packages_of(const Lock& lock) {
  std::map<std::string, LockedPackage> by_name;
  for (const auto& package : lock.base) by_name.insert_or_assign(name_in(lock, package), package);
  for (const auto& package : lock.packages) by_name.insert_or_assign(name_in(lock, package), package);
  std::vector<LockedPackage> packages;
  packages.reserve(by_name.size());
  for (auto& [name, package] : by_name) packages.push_back(std::move(package));
  return packages;
}

}  // namespace karapace::lock
