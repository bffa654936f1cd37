// SPDX-License-Identifier: Apache-2.0
// What gc removes: the kinds of things in a store that nothing needs any more, and where each lies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace karapace::store {

enum class GarbageKind {
  record,
  environment,
  layer,
  blob,
  log,
  failed_state,
  staging,
  quarantine,
  sysroot,
  toolchain,
  graph,
  trash,  // what a killed gc or destroy had moved away
  link,   // to records that are gone
  server  // what a killed karapace-transfer left
};
std::string_view text(GarbageKind kind) noexcept;

struct Garbage {
  GarbageKind kind{};
  std::string name;         // the key or id in hex; of a graph what is below graphs/; the file's name for the rest
  std::string reason;       // a clause for people: why it goes
  std::uint64_t bytes = 0;  // what removing it frees: a file with other names that stay frees nothing
  std::int64_t age = 0;     // seconds since it was made or last changed
};

/// Below the store's root.
std::string_view directory_of(GarbageKind kind) noexcept;
std::filesystem::path path_of(const Store& store, const Garbage& garbage);

/// Whether it is moved away at once and removed then; the rest is removed in place, with its lock held.
bool is_moved(GarbageKind kind) noexcept;

/// Seconds since it was made or last changed; 0 of what is not there.
std::int64_t age_of(const std::filesystem::path& path);

}  // namespace karapace::store
