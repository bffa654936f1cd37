// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/record.hpp"
#include "base/json/seal.hpp"
#include "base/remove_tree.hpp"
#include "store/generation.hpp"
#include "store/kept_record.hpp"
#include "store/scan.hpp"
#include "store/trash.hpp"
#include "store/tree_copy.hpp"

namespace karapace::store {

namespace {

constexpr const char* record_name = "snapshot.json";
/// In a generation: the snapshot that its changes were when it was last committed or restored.
constexpr const char* parent_name = "snapshot";
constexpr std::string_view remedy = "destroy it with its instance, or restore another";

constexpr auto snapshot_fields =
    fields_of<Snapshot>(member("environment", &Snapshot::environment), FormatMember{1}, member("id", &Snapshot::id),
                        member("message", &Snapshot::message, escaped_bytes), member("parent", &Snapshot::parent),
                        member("time", &Snapshot::time));

std::filesystem::path directory_of(const Instance& instance) { return instance.directory / "snapshots"; }

std::string label_of(const Snapshot& snapshot) { return "the snapshot " + snapshot.id.short_hex(); }

std::optional<LayerId> read_parent(const Generation& generation) {
  return LayerId::from_hex(read_file_if_exists(generation.directory / parent_name).value_or(std::string()));
}

void write_parent(const std::filesystem::path& generation, const LayerId& snapshot) {
  write_file_atomically(generation / parent_name, snapshot.hex(), Durable::no);
}

Fd open_tree(const std::filesystem::path& path) { return open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); }

void force_all(int fd) {
  if (::syncfs(fd) != 0) throw StoreError(errno_message("cannot force the snapshot to the disk", errno));
}

ScanOptions scan_options(std::string label, const SnapshotOptions& options) {
  ScanOptions scan;
  scan.owners = options.owners;
  scan.label = std::move(label);
  scan.threads = options.threads;
  scan.times = Times::nanoseconds;
  return scan;
}

/// The snapshot that most of the changes are likely to be in.
std::optional<Snapshot> nearest(const Instance& instance) {
  auto all = snapshots(instance);
  if (all.empty()) return std::nullopt;
  const auto parent = read_parent(instance.current);
  for (auto& snapshot : all)
    if (snapshot.id == parent) return std::move(snapshot);
  return std::move(all.back());
}

/// False when it is there already.
bool give_name(const std::filesystem::path& made, const std::filesystem::path& place) {
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  throw StoreError(errno_message(fmt::format("cannot make \"{}\"", escaped_utf8(place.native())), errno));
}

/// A damaged snapshot is no reason to keep nothing.
std::optional<Listing> listing_if_whole(const Snapshot& snapshot) {
  try {
    return listing_of(snapshot);
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

ScanOptions changes_options(const SnapshotOptions& options) {
  auto scan = scan_options("commit", options);
  scan.records = Records::of_sessions;
  return scan;
}

/// Reads no file.
class Sizes final : public TreeSink {
  Fd directory(const Entry&) override { return {}; }
  void other(const Entry&, int) override {}
  void file(int, const struct stat& status, Entry& entry, int, std::vector<char>&) override {
    entry.size = static_cast<std::uint64_t>(status.st_size);
  }
};

bool same_but_for_content(const Entry& a, Entry b) {
  b.content = a.content;
  return a == b;
}

/// Whether the snapshot that most of the changes are likely to be in is they. Most that are not are known for it
/// without reading a file.
bool is_nearest(const Instance& instance, const SnapshotOptions& options) {
  const auto snapshot = nearest(instance);
  const auto listing = snapshot ? listing_if_whole(*snapshot) : std::nullopt;
  if (!listing) return false;
  const auto upper = open_tree(instance.upper());
  const auto scanning = changes_options(options);
  Sizes sizes;
  const auto found = walk_tree(upper.get(), scanning, sizes).listing;
  return std::ranges::equal(found.entries(), listing->entries(), same_but_for_content) &&
         scan(upper.get(), scanning).id() == snapshot->id;
}

class Committing {
 public:
  Committing(const Store& store, const Instance& instance, const SnapshotOptions& options)
      : store_(store), instance_(instance), options_(options) {}

  Committed run(std::string message) {
    const auto no_removal = hold_snapshots(instance_);  // of one whose files this one shares
    const auto staging = store_.stage();
    const auto made = staging.path() / "snapshot";
    make_directory(made);
    make_directory(made / "tree");
    const auto listing = copy(made / "tree");
    auto& snapshot = committed_.snapshot;
    snapshot.id = listing.id();
    snapshot.directory = directory_of(instance_) / snapshot.id.hex();
    if (auto known = read_known()) {
      sync_directory(directory_of(instance_));  // who made it may not have come so far
      return finish(*std::move(known));
    }
    snapshot.time = std::time(nullptr);
    snapshot.environment = instance_.current.environment;
    snapshot.message = std::move(message);
    snapshot.parent = read_parent(instance_.current);
    name(made, listing);
    return finish(std::move(snapshot));
  }

 private:
  Listing copy(const std::filesystem::path& to) {
    TreeCopyOptions copying{.scan = changes_options(options_)};
    const auto upper = open_tree(instance_.upper());
    std::mutex mutex;
    copying.scan.no_owner = [&](std::string_view path) {
      std::lock_guard guard(mutex);
      committed_.no_owner.emplace_back(path);
    };
    copying.scan.left_out = [&](std::string_view path) {
      std::lock_guard guard(mutex);
      committed_.left_out.emplace_back(path);
    };
    const auto earlier = nearest(instance_);
    const auto listing = earlier ? listing_if_whole(*earlier) : std::nullopt;
    const Fd tree = listing ? open_tree(earlier->tree()) : Fd();
    if (listing) copying.earlier.emplace(EarlierTree{tree.get(), *listing});
    auto copied = copy_tree(upper.get(), open_tree(to).get(), copying);
    committed_.written = copied.written;
    std::sort(committed_.left_out.begin(), committed_.left_out.end());
    std::sort(committed_.no_owner.begin(), committed_.no_owner.end());
    return std::move(copied.listing);
  }

  /// The snapshot of these changes that there is, as it was made: above whichever environment.
  std::optional<Snapshot> read_known() const {
    if (!has_name(committed_.snapshot.directory)) return std::nullopt;
    return read_snapshot(committed_.snapshot.directory);
  }

  static bool has_name(const std::filesystem::path& path) { return ::access(path.c_str(), F_OK) == 0; }

  void name(const std::filesystem::path& made, const Listing& listing) {
    auto record = committed_.snapshot;
    record.directory = made;
    write_file_atomically(made / "listing", listing.text(), Durable::no, 0444);
    write_snapshot(record, Durable::no);
    Generation scaffold;
    scaffold.directory = made;
    add_scaffold(scaffold, read_scaffold(instance_.current));
    const auto place = directory_of(instance_);
    make_directory_if_missing(place);
    force_all(open_tree(made).get());
    committed_.is_new = give_name(made, committed_.snapshot.directory);
    sync_directory(place);
  }

  Committed finish(Snapshot snapshot) {
    if (!committed_.is_new) committed_.written = 0;
    write_parent(instance_.current.directory, snapshot.id);
    committed_.snapshot = std::move(snapshot);
    return std::move(committed_);
  }

  const Store& store_;
  const Instance& instance_;
  const SnapshotOptions& options_;
  Committed committed_;
};

[[noreturn]] void refuse_unknown(std::string_view word) {
  throw NotFoundError(
      fmt::format("the instance has no snapshot \"{}\"; `karapace snapshots` lists those it has", escaped_utf8(word)));
}

[[noreturn]] void refuse_ambiguous(std::string_view word, std::size_t count) {
  throw UsageError(fmt::format("\"{}\" is the beginning of {} snapshots; write more of it", escaped_utf8(word), count));
}

}  // namespace

std::optional<Snapshot> read_snapshot(const std::filesystem::path& directory) {
  const auto name = directory.filename().string();
  const auto id = LayerId::from_hex(name);
  if (!id) return std::nullopt;
  const auto what = fmt::format("the record of the snapshot {}", id->short_hex());
  const auto text = read_file_if_exists(directory / record_name).value_or(std::string());
  if (text.empty() && !std::filesystem::exists(std::filesystem::symlink_status(directory))) return std::nullopt;
  auto snapshot = read_or_damaged(what, "run `karapace verify-store --repair`",
                                  [&] { return parse_json(snapshot_fields, unsealed_in_place(text), record_name); });
  if (snapshot.id != *id) refuse_damaged(what, "run `karapace verify-store --repair`", "it is of another snapshot");
  snapshot.directory = directory;
  return snapshot;
}

void write_snapshot(const Snapshot& snapshot, Durable durable) {
  write_kept_record(snapshot.directory / record_name, json_text(snapshot_fields, snapshot), durable);
}

std::vector<Snapshot> snapshots(const Instance& instance) {
  std::vector<Snapshot> all;
  for (const auto& name : names_in(directory_of(instance)))
    if (auto snapshot = read_snapshot(directory_of(instance) / name)) all.push_back(*std::move(snapshot));
  std::sort(all.begin(), all.end(),
            [](const Snapshot& a, const Snapshot& b) { return std::tie(a.time, a.id) < std::tie(b.time, b.id); });
  return all;
}

Snapshot find_snapshot(const Instance& instance, std::string_view word) {
  std::vector<Snapshot> found;
  for (auto& snapshot : snapshots(instance))
    if (!word.empty() && snapshot.id.hex().starts_with(word)) found.push_back(std::move(snapshot));
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) refuse_unknown(word);
  refuse_ambiguous(word, found.size());
}

Scaffold scaffold_of(const Snapshot& snapshot) {
  Generation kept;
  kept.directory = snapshot.directory;
  return read_scaffold(kept);
}

std::optional<FileLock> hold_snapshots(const Instance& instance) {
  return FileLock::acquire_existing(directory_of(instance), LOCK_SH);
}

RemovedSnapshot remove_snapshot(const Store& store, const Instance& instance, std::string_view word) {
  const auto alone = FileLock::acquire_existing(directory_of(instance), LOCK_EX);
  std::vector<LayerId> found;
  for (const auto& name : names_in(directory_of(instance)))
    if (const auto id = LayerId::from_hex(name); id && !word.empty() && name.starts_with(word)) found.push_back(*id);
  if (found.empty()) refuse_unknown(word);
  if (found.size() > 1) refuse_ambiguous(word, found.size());
  RemovedSnapshot removed{found.front(), std::nullopt, 0};
  const auto directory = directory_of(instance) / removed.id.hex();
  try {
    removed.snapshot = read_snapshot(directory);
  } catch (const StoreError&) {
    // Told by its absence: what is damaged can be removed, too.
  }
  removed.bytes = survey_trees({directory}, 1).front().bytes;
  give_up_reserve_if_full(store);
  const auto trash = move_to_trash(store, directory, "snapshot-" + removed.id.hex());
  if (!trash.empty()) remove_tree(trash);
  return removed;
}

Listing listing_of(const Snapshot& snapshot) {
  const auto text = read_file(snapshot.directory / "listing");
  if (blake3(text) != snapshot.id.digest())
    throw StoreError(fmt::format("the listing of {} is damaged; {}", label_of(snapshot), remedy));
  return Listing::parse(text, "the listing of " + label_of(snapshot));
}

Committed commit_snapshot(const Store& store, const Instance& instance, std::string message,
                          const SnapshotOptions& options) {
  return Committing(store, instance, options).run(std::move(message));
}

namespace {

Committed committed_before(const Store& store, const Instance& before, const SnapshotOptions& options) {
  try {
    return commit_snapshot(store, before, "kept when what undo would have brought back was replaced", options);
  } catch (const CallError&) {
    throw;
  } catch (const StoreError& error) {
    throw StoreError(
        fmt::format("what `karapace undo` would bring back is kept before it is replaced, and can not be: "
                    "{}; bring it back with `karapace undo`, remove that, and try again",
                    error.what()));
  }
}

}  // namespace

std::optional<Committed> keep_previous(const Store& store, const Instance& instance, const SnapshotOptions& options) {
  if (!instance.previous || names_in(instance.previous->upper()).empty()) return std::nullopt;
  auto before = instance;
  before.current = *instance.previous;
  if (is_nearest(before, options)) return std::nullopt;
  auto committed = committed_before(store, before, options);
  if (!committed.is_new) return std::nullopt;
  return committed;
}

void restore_snapshot(const Store& store, const Instance& instance, const Snapshot& snapshot,
                      const EnvironmentId& environment, const SnapshotOptions& options) {
  const auto listing = listing_of(snapshot);
  const auto staging = store.stage();
  const auto made = staging.path() / "generation";
  make_generation(made, next_number(instance.directory), environment, Durable::no);
  TreeCopyOptions copying{.scan = scan_options(label_of(snapshot), options), .expected = &listing};
  copy_tree(open_tree(snapshot.tree()).get(), open_tree(made / "upper").get(), copying);
  write_parent(made, snapshot.id);
  Generation generation;
  generation.directory = made;
  add_scaffold(generation, scaffold_of(snapshot));
  replace_generation(store, instance.directory, made);
}

}  // namespace karapace::store
