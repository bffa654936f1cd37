// SPDX-License-Identifier: Apache-2.0
// Snapshots: what the changes of an instance were at a moment, `instances/<id>/snapshots/<layer id>/`.
//
//   tree/           the whole difference, as the upper directory had it, the machine's id included; files that an
//   earlier snapshot has are its own
//                   by another name
//   listing         of the tree; its BLAKE3 is the snapshot's id, so the same changes are stored once
//   snapshot.json   when, why, above which environment, after which other snapshot (a kept record, kept_record.hpp)
//
// A snapshot can not be made again: it is forced to the disk before it gets its name, and goes only with its instance
// or when it is named.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/identifiers.hpp"
#include "store/instance.hpp"
#include "store/store.hpp"
#include "store/tree_walk.hpp"

namespace karapace::store {

struct Snapshot {
  LayerId id;
  std::int64_t time = 0;            // seconds since 1970
  EnvironmentId environment;        // what it is the difference to
  std::string message;              // what a person said of it; any bytes
  std::optional<LayerId> parent;    // what the instance had been committed or restored as before
  std::filesystem::path directory;  // absolute
  std::filesystem::path tree() const { return directory / "tree"; }
};

/// Of an instance, the oldest first. A damaged one throws.
std::vector<Snapshot> snapshots(const Instance& instance);
/// The one in this directory; nothing when it is not there, or the name is no snapshot's.
std::optional<Snapshot> read_snapshot(const std::filesystem::path& directory);
/// Writes its record anew.
void write_snapshot(const Snapshot& snapshot, Durable durable = Durable::yes);
/// By its id or the beginning of it that no other has. NotFoundError that names the remedy.
Snapshot find_snapshot(const Instance& instance, std::string_view word);
/// Reads and verifies. StoreError when it is missing or damaged.
Listing listing_of(const Snapshot& snapshot);

/// What sessions had put there.
Scaffold scaffold_of(const Snapshot& snapshot);
/// As long as it lives no snapshot of the instance is removed.
std::optional<FileLock> hold_snapshots(const Instance& instance);

struct RemovedSnapshot {
  LayerId id;
  std::optional<Snapshot> snapshot;  // what its record said; nothing when that was damaged
  std::uint64_t bytes = 0;           // what removing it frees
};

/// Removes one for good, by its id or the beginning of it: a damaged one, too. What others share with it stays theirs.
/// The caller holds the instance; sessions may run. Runs inside the user namespace.
RemovedSnapshot remove_snapshot(const Store& store, const Instance& instance, std::string_view word);

struct SnapshotOptions {
  Owners owners = Owners::from_disk;
  unsigned threads = 1;
};

struct Committed {
  Snapshot snapshot;
  bool is_new = false;                // else there was one of these changes
  std::uint64_t written = 0;          // bytes that it does not share with an earlier one
  std::vector<std::string> left_out;  // sockets, by path
  std::vector<std::string> no_owner;  // kept as root's: their user.karapace.owner says no owner (single-id stores)
};

/// Keeps what the instance's upper directory has now. The caller holds the instance; sessions may run, a file that
/// changes while it is read is read again, and at last refused. Runs inside the user namespace.
Committed commit_snapshot(const Store& store, const Instance& instance, std::string message,
                          const SnapshotOptions& options);

/// What `undo` would bring back, and is about to be replaced for good, becomes a snapshot, unless there is one of it or
/// nothing in it. As above.
std::optional<Committed> keep_previous(const Store& store, const Instance& instance, const SnapshotOptions& options);

/// Makes the snapshot's changes the instance's, by one exchange, above `environment`; what it was before is there for
/// `undo`. The caller holds the instance exclusively. StoreError, and nothing changed, when the snapshot is damaged.
void restore_snapshot(const Store& store, const Instance& instance, const Snapshot& snapshot,
                      const EnvironmentId& environment, const SnapshotOptions& options);

}  // namespace karapace::store
