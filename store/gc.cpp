// SPDX-License-Identifier: Apache-2.0
// How gc removes nothing that somebody needs, while builds and sessions run.
//
// There is one lock, `locks/contents`. Whoever lets something appear in the store (a blob, layer, record, environment,
// root, instance, or a pin) holds it shared for that moment; gc holds it exclusively for the moment in which it decides
// and renames the dead away (`take_away`). Reading everything beforehand and deleting afterwards happen without it. So
// each appearance lies wholly before or wholly after gc's moment. The cases:
//
// - A layer or blob that appeared before, whose record is still to come: add_layer and add_blob pin it in the staging
//   directory of the step, in the same shared section. gc reads the pins of all staging directories that are locked,
//   so it stays. If its maker finds that it exists already (made by another step, perhaps dead), the pin is written
//   before the question is asked, in one shared section: either gc took it away before, and the maker adds its own, or
//   gc sees the pin.
// - The inputs of a running step: Store::stage(step) pins them and then looks whether their records are there, in one
//   shared section. Either gc was there before and the step ends with "run ninja again", or gc sees the pins and keeps
//   the records, their outputs and all that led to them. So no step ever reads a tree that is being deleted.
// - A record that appeared since gc began to read is alive, with everything it leads to: its build is running. A record
//   whose output is gone does not appear: add_record asks under the shared lock.
// - An environment that appeared since, or whose step is being made: alive.
// - A session holds a shared flock on its environment's record before it mounts. gc takes the exclusive lock, without
//   waiting, of each environment that it would remove; when it can not have it, the environment lives. The locks are
//   held until the records have lost their names, and a session that waited looks whether its file still has its name.
// - A root written since gc began is read again in the moment itself. If it lists steps that were dead before and have
//   just been removed, ninja sees their records missing and runs them: correct, only slower.
// - The state of a failed step appears in one shared section, and leaves failed/ by rename(2) as well (whoever runs the
//   step again moves it into its own staging directory), so only one ever deletes it. `karapace debug` holds a shared
//   flock on its plan and pins its layers; gc takes the exclusive lock, without waiting, of each that it would remove.
// - A staging directory is taken away only with its lock held, and its maker looks again after locking (staging.cpp).
//   A lock file is unlinked only with its lock held, and who waited for it looks again (file_lock.cpp).
//
// Records are moved before what they name, so that a crash in between leaves no record of something missing; what was
// moved lies in gc's own staging directory, and is garbage.
#include "store/gc.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <optional>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file_lock.hpp"
#include "base/parallel.hpp"
#include "base/remove_tree.hpp"
#include "store/contents.hpp"
#include "store/graph_files.hpp"
#include "store/toolchain.hpp"

namespace karapace::store {

namespace {

constexpr std::array<std::string_view, 11> kind_names = {"step",    "environment",  "layer",     "blob",
                                                         "log",     "failed-state", "staging",   "quarantine",
                                                         "sysroot", "toolchain",    "graph-file"};
constexpr std::array<const char*, 11> kind_directories = {"steps",    "environments", "layers",  "blobs",
                                                          "logs",     "failed",       "staging", "quarantine",
                                                          "sysroots", "toolchains",   "graphs"};

bool is_older_than(const std::filesystem::path& path, std::chrono::seconds age) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && std::time(nullptr) - status.st_mtim.tv_sec > age.count();
}

std::filesystem::path path_of(const Store& store, const Garbage& garbage) {
  return store.root() / kind_directories[static_cast<std::size_t>(garbage.kind)] / garbage.name;
}

class Collection {
 public:
  Collection(const Store& store, const GcOptions& options) : store_(store), options_(options) {}

  GcReport run() {
    before_ = read_contents(store_, nullptr, options_.threads);
    add_graph_files();
    if (options_.dry_run == DryRun::yes) {
      {
        auto lock =
            FileLock::acquire_existing(store_.root() / "locks" / "contents", LOCK_SH);  // also in a read-only store
        decide();
        held_.clear();
      }
      measure([&](const Garbage& garbage) { return path_of(store_, garbage); });
      return std::move(report_);
    }
    auto trash = store_.stage();
    take_away(trash);
    auto in_trash = [&](const Garbage& garbage) { return trash_path(trash, garbage); };
    measure(in_trash);
    for_each_index(report_.garbage.size(), options_.threads,
                   [&](std::size_t i) { remove_tree(in_trash(report_.garbage[i])); });
    remove_lock_files();
    remove_dangling_links();
    remove_dead_servers();
    return std::move(report_);
  }

 private:
  static std::filesystem::path trash_path(const Staging& trash, const Garbage& garbage) {
    auto name = fmt::format("{}-{}", text(garbage.kind), garbage.name);
    std::replace(name.begin(), name.end(), '/', '-');
    return trash.path() / name;
  }

  void take_away(const Staging& trash) {
    auto lock = store_.lock_contents(LOCK_EX);
    decide();
    for (const auto& garbage : report_.garbage) {
      auto from = path_of(store_, garbage);
      if (::rename(from.c_str(), trash_path(trash, garbage).c_str()) == 0 || errno == ENOENT) continue;
      throw StoreError(errno_message(fmt::format("gc: cannot remove \"{}\"", escaped_utf8(from.native())), errno));
    }
    held_.clear();
  }

  /// Fills the report (but for sizes). The caller holds the contents lock.
  void decide() {
    auto now = read_contents(store_, &before_, 1);
    auto live = live_contents(now, reasons(now));
    keep_environments_in_use(now, live);
    auto add = [&](GarbageKind kind, const auto& all, const auto& needed) {
      for (const auto& id : all) {
        if (!needed(id)) report_.garbage.push_back({kind, id.hex()});
      }
    };
    for (const auto& [key, record] : now.records) {
      if (!live.steps.contains(key)) report_.garbage.push_back({GarbageKind::record, key.hex()});
    }
    for (const auto& [id, environment] : now.environments) {
      if (!live.environments.contains(id)) report_.garbage.push_back({GarbageKind::environment, id.hex()});
    }
    add(GarbageKind::layer, now.layers, [&](const LayerId& id) { return live.layers.contains(id); });
    add(GarbageKind::blob, now.blobs, [&](const BlobId& id) { return live.blobs.contains(id); });
    add(GarbageKind::log, now.logs, [&](const StepKey& key) { return live.steps.contains(key); });
    add_sysroots(live);
    add_toolchains(live);
    add_failed_states(live);
    add_leftovers();
    auto count = [&](GarbageKind kind) {
      auto& all = report_.garbage;
      return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](auto& g) { return g.kind == kind; }));
    };
    report_.kept_steps = now.records.size() - count(GarbageKind::record);
    report_.kept_environments = now.environments.size() - count(GarbageKind::environment);
  }

  Reasons reasons(const Contents& now) const {
    Reasons reasons{{}, options_.keep, read_pins(store_.staging_path())};
    for (const auto& [key, record] : now.records) {
      if (!before_.records.contains(key)) reasons.steps.insert(key);
    }
    for (const auto& [id, environment] : now.environments) {
      if (!before_.environments.contains(id)) reasons.environments.insert(id);
    }
    return reasons;
  }

  /// A session's environment lives. The locks of the others are kept until they are gone.
  void keep_environments_in_use(const Contents& now, Live& live) {
    Reasons in_use;
    for (const auto& [id, environment] : now.environments) {
      if (live.environments.contains(id)) continue;
      auto lock = FileLock::try_acquire_existing(store_.environment_path(id), LOCK_EX);
      if (lock) {
        held_.push_back(std::move(*lock));
      } else {
        in_use.environments.insert(id);
      }
    }
    Contents only_records;  // without roots and instances: what these keep is in `live` already
    only_records.records = now.records;
    only_records.environments = now.environments;
    auto more = live_contents(only_records, in_use);
    live.steps.merge(more.steps);
    live.environments.merge(more.environments);
    live.layers.merge(more.layers);
    live.blobs.merge(more.blobs);
  }

  /// A sysroot lives as long as its environment, which sessions that use it hold.
  void add_sysroots(const Live& live) {
    for (const auto& name :
         names_in(store_.root() / kind_directories[static_cast<std::size_t>(GarbageKind::sysroot)])) {
      auto id = EnvironmentId::from_hex(name);
      if (!id || !live.environments.contains(*id)) report_.garbage.push_back({GarbageKind::sysroot, name});
    }
  }

  /// So does a toolchain, whose programs name the environment.
  void add_toolchains(const Live& live) {
    for (const auto& name : names_in(store_.root() / "toolchains")) {
      auto id = environment_of_toolchain(store_, name);
      if (!id || !live.environments.contains(*id)) report_.garbage.push_back({GarbageKind::toolchain, name});
    }
  }

  /// Who looks at a state holds its plan's lock. A state without a plan can not be looked at.
  void add_failed_states(const Live& live) {
    for (const auto& name : names_in(store_.failed_path())) {
      auto path = store_.failed_path() / name;
      auto key = StepKey::from_hex(name);
      if (key && live.steps.contains(*key) && !is_older_than(path, longest_failed_state)) continue;
      auto plan = path / "plan.json";
      auto lock = FileLock::try_acquire_existing(plan, LOCK_EX);
      if (!lock && ::access(plan.c_str(), F_OK) == 0) continue;
      if (lock) held_.push_back(std::move(*lock));
      report_.garbage.push_back({GarbageKind::failed_state, name});
    }
  }

  /// Before the lock on contents is taken: who holds that one never waits for a graph's. On a full disk no lock or mark
  /// can be made: the next gc takes these files, and this one frees what it can.
  void add_graph_files() {
    for (const auto& directory : names_in(store_.root() / "graphs")) {
      try {
        add_graph_files(directory);
      } catch (const Error&) {
      }
    }
  }

  void add_graph_files(const std::string& directory) {
    std::optional<FileLock> lock;
    if (options_.dry_run == DryRun::no) {
      lock = lock_graph_files(store_, directory);
      if (!lock) return;
      note_whether_lost(store_, directory);
    }
    const auto dead = dead_graph_files(store_, directory);
    for (const auto& name : dead) report_.garbage.push_back({GarbageKind::graph, name});
    if (lock && !dead.empty()) held_.push_back(std::move(*lock));
  }

  /// What crashed processes left in staging/, and what repairs put aside.
  void add_leftovers() {
    for (const auto& name : names_in(store_.staging_path())) {
      auto path = store_.staging_path() / name;
      struct stat status{};
      if (::lstat(path.c_str(), &status) != 0) continue;
      if (S_ISDIR(status.st_mode)) {
        auto lock = FileLock::try_acquire_existing(path, LOCK_EX);
        if (!lock) continue;  // somebody works in it
        held_.push_back(std::move(*lock));
      }
      // Files are written under the contents lock, which we hold: this one was left by a crash.
      report_.garbage.push_back({GarbageKind::staging, name});
    }
    for (const auto& name : names_in(store_.root() / "quarantine")) {
      report_.garbage.push_back({GarbageKind::quarantine, name});
    }
  }

  template <class PathOf>
  void measure(PathOf path) {
    std::vector<std::filesystem::path> paths;
    for (const auto& garbage : report_.garbage) paths.push_back(path(garbage));
    auto sizes = freed_bytes(paths, options_.threads);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      report_.garbage[i].bytes = sizes[i];
      report_.bytes += sizes[i];
    }
  }

  void remove_lock_files() const {
    for (const auto& name : names_in(store_.root() / "locks")) {
      if (name == "contents" || name == "gc") continue;
      auto path = store_.root() / "locks" / name;
      if (auto lock = FileLock::try_acquire_existing(path, LOCK_EX)) ::unlink(path.c_str());
    }
  }

  /// A link to a record that is gone says what its absence says. A step that runs now makes its link after its record.
  void remove_dangling_links() const {
    for (const auto& name : names_in(store_.root() / "links")) {
      auto path = store_.root() / "links" / name;
      if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) ::unlink(path.c_str());
    }
  }

  /// What a karapace-transfer left that was killed (remote/shared_transfers.hpp); one that runs holds its lock.
  void remove_dead_servers() const {
    for (const auto& name : names_in(store_.root() / "fetch")) {
      auto path = store_.root() / "fetch" / name;
      if (auto lock = FileLock::try_acquire_existing(path, LOCK_EX)) remove_tree(path);
    }
  }

  const Store& store_;
  const GcOptions& options_;
  Contents before_;
  std::vector<FileLock> held_;
  GcReport report_;
};

/// gc holds the lock of each environment and staging directory that it removes: more than the usual 1,024 descriptors.
void allow_many_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string_view text(GarbageKind kind) noexcept { return kind_names[static_cast<std::size_t>(kind)]; }

GcReport collect_garbage(const Store& store, const GcOptions& options) {
  allow_many_descriptors();
  std::optional<FileLock> only_one;
  if (options.dry_run == DryRun::no) only_one = FileLock::acquire(store.root() / "locks" / "gc", LOCK_EX);
  try {
    return Collection(store, options).run();
  } catch (const StoreError& error) {
    throw StoreError(fmt::format("gc stopped: {}", error.what()));
  }
}

}  // namespace karapace::store
