// SPDX-License-Identifier: Apache-2.0
#include "cli/environment_lock.hpp"

#include <map>

#include <fmt/format.h>

#include "store/error.hpp"

namespace karapace::cli {

generator::Lock lock_of(const store::Store& store, const store::Environment& environment) {
  auto blob = store.open_blob(environment.lock);
  auto text = read_all(blob.get(), "a lock");
  if (BlobId(blake3(text)) != environment.lock) {
    throw StoreError(
        fmt::format("the lock of environment {} is damaged in the store; run `karapace verify-store "
                    "--repair`, then ninja again",
                    environment.id.short_hex()));
  }
  return generator::parse_lock(text, fmt::format("the lock of environment {}", environment.id.short_hex()));
}

std::string base_of(const generator::Lock& lock) { return lock.request.base_image; }

std::optional<std::string> base_if_known(const store::Store& store, const store::Environment& environment) {
  try {
    return base_of(lock_of(store, environment));
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<generator::LockedPackage> packages_of(const generator::Lock& lock) {
  std::map<std::string, generator::LockedPackage> by_name;
  for (const auto& package : lock.base) by_name.insert_or_assign(package.name, package);
  for (const auto& package : lock.packages) by_name.insert_or_assign(package.name, package);
  std::vector<generator::LockedPackage> packages;
  packages.reserve(by_name.size());
  for (auto& [name, package] : by_name) packages.push_back(std::move(package));
  return packages;
}

}  // namespace karapace::cli
