// SPDX-License-Identifier: Apache-2.0
// Power failures: what a crash of the machine took is found before it is used.
//
// What can be made again is not forced to the disk, so after a power failure a record may have survived its layer. The
// file `synced` says until when everything in the store is known to be on the disk, and in which boot of the machine
// the store was last written. Who opens the store in another boot has everything that appeared or changed since then
// verified (and nothing else), and what the failure damaged taken out of use, with all that was made of it: ninja makes
// it again. After a build a process of its own syncs the file system and moves the time on.
//
// By when a thing appeared its modification time is meant: a backup or a CI cache keeps it. A `synced` that is damaged
// says that nothing is known to be on the disk: then everything is verified. A store without one was made by a version
// that knew none; it gets one that says so, and is verified after the next restart unless a build was synced before.
#pragma once

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

#include "store/store.hpp"
#include "store/verify.hpp"

namespace karapace::store {

struct SyncMark {
  std::string boot;   // /proc/sys/kernel/random/boot_id
  timespec synced{};  // what appeared before it is on the disk
};

/// Nothing when there is none; of a damaged one an empty value.
std::optional<SyncMark> read_sync_mark(const std::filesystem::path& root);
void write_sync_mark(const std::filesystem::path& root, const SyncMark& mark);

/// Of this machine; empty when there is no /proc.
std::string this_boot();

/// For a store that was made just now: there is nothing in it yet.
void begin_sync_mark(const std::filesystem::path& root);

/// Called when a store is opened. In the boot that it was last written in this reads two small files. In another one
/// `karapace verify-store --since-sync` is run, which is inside the user namespace and tells what it took out.
/// StoreError when that can not be done and the store is opened for more than reading.
void check_after_power_failure(const std::filesystem::path& root, Store::Access access);
/// After everything was verified, from `begun` on.
void note_verified(const Store& store, const timespec& begun);

/// The check itself, and the new mark. Nothing when another process has done it meanwhile. Runs inside the user
/// namespace.
std::optional<VerifyReport> verify_since_sync(const Store& store, VerifyOptions options);

/// Forces what the store holds to the disk and moves the mark on.
void sync_store(const Store& store);
/// The same in a process of its own, for which nobody waits.
void sync_store_in_background(const Store& store) noexcept;

}  // namespace karapace::store
