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
// moved lies in trash/, and is garbage.
//
// What is to go is decided and surveyed before anything is moved: how large it is, and whether these ids can remove all
// of it. The second decision, in the moment itself, takes nothing that was not surveyed; that is left to the next gc.
#include "store/gc.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <map>
#include <optional>
#include <utility>

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
#include "store/trash.hpp"

namespace karapace::store {

namespace {

constexpr std::array<std::string_view, 14> kind_names = {
    "step",       "environment", "layer",     "blob",       "log",   "failed-state", "staging",
    "quarantine", "sysroot",     "toolchain", "graph-file", "trash", "link",         "download"};
constexpr std::array<const char*, 14> kind_directories = {
    "steps",      "environments", "layers",     "blobs",  "logs",  "failed", "staging",
    "quarantine", "sysroots",     "toolchains", "graphs", "trash", "links",  "fetch"};

constexpr const char* unneeded = "no project, instance, session or running step needs it";
constexpr const char* left_behind = "a process that was killed left it";

std::filesystem::path path_of(const Store& store, const Garbage& garbage) {
  return store.root() / kind_directories[static_cast<std::size_t>(garbage.kind)] / garbage.name;
}

std::int64_t age_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return 0;
  return std::max<std::int64_t>(0, std::time(nullptr) - std::max(status.st_mtim.tv_sec, status.st_ctim.tv_sec));
}

bool is_older_than(const std::filesystem::path& path, std::chrono::seconds age) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && std::time(nullptr) - status.st_mtim.tv_sec > age.count();
}

/// What is moved away at once, and removed then; the rest is removed in place, with its lock held.
bool is_moved(const Garbage& garbage) {
  return garbage.kind != GarbageKind::trash && garbage.kind != GarbageKind::link && garbage.kind != GarbageKind::server;
}

template <class Map>
std::vector<typename Map::key_type> keys_of(const Map& map) {
  std::vector<typename Map::key_type> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

class Collection {
 public:
  Collection(const Store& store, const GcOptions& options) : store_(store), options_(options) {}

  GcReport run() {
    before_ = read_contents(store_, nullptr, options_.threads);
    add_graph_files();
    const auto graph_files = report_.garbage;
    auto graph_locks = std::move(held_);
    {
      auto lock =
          FileLock::acquire_existing(store_.root() / "locks" / "contents", LOCK_SH);  // also in a read-only store
      decide();
      held_.clear();
    }
    survey();
    if (options_.dry_run == DryRun::yes) return std::move(report_);
    const auto surveyed = std::exchange(report_, GcReport());
    report_.garbage = graph_files;
    take_away(surveyed);
    graph_locks.clear();
    remove();
    return std::move(report_);
  }

 private:
  void take_away(const GcReport& surveyed) {
    auto lock = store_.lock_contents(LOCK_EX);
    decide();
    keep_what_is_new(surveyed);
    for (const auto& garbage : report_.garbage) {
      if (is_moved(garbage)) move_away(garbage);
    }
    held_.clear();
  }

  /// Sizes are those of the survey.
  void keep_what_is_new(const GcReport& surveyed) {
    std::map<std::pair<GarbageKind, std::string>, const Garbage*> known;
    for (const auto& garbage : surveyed.garbage) known[{garbage.kind, garbage.name}] = &garbage;
    std::vector<Garbage> garbage;
    for (const auto& item : report_.garbage) {
      if (auto found = known.find({item.kind, item.name}); found != known.end()) garbage.push_back(*found->second);
    }
    report_.garbage = std::move(garbage);
    for (const auto& item : report_.garbage) report_.bytes += item.bytes;
    count_kept();
  }

  void move_away(const Garbage& garbage) {
    const auto from = path_of(store_, garbage);
    try {
      auto to = move_to_trash(store_, from, fmt::format("{}-{}", text(garbage.kind), garbage.name));
      if (!to.empty()) moved_.push_back({from, std::move(to)});
    } catch (const StoreError&) {
      bring_back();
      throw;
    }
  }

  /// All or nothing.
  void bring_back() {
    std::reverse(moved_.begin(), moved_.end());
    for (const auto& [from, to] : moved_) ::rename(to.c_str(), from.c_str());
    moved_.clear();
  }

  /// What stays for an error is told when all the rest is gone.
  void remove() {
    std::vector<std::filesystem::path> trees;
    for (const auto& [from, to] : moved_) trees.push_back(to);
    for (const auto& garbage : report_.garbage) {
      if (garbage.kind == GarbageKind::trash) trees.push_back(path_of(store_, garbage));
    }
    remove_trees(trees, options_.threads);
    for (const auto& garbage : report_.garbage) remove_in_place(garbage);
    remove_lock_files();
  }

  /// With its lock held: somebody may have come meanwhile.
  void remove_in_place(const Garbage& garbage) const {
    const auto path = path_of(store_, garbage);
    if (garbage.kind == GarbageKind::link) {
      if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) ::unlink(path.c_str());
      return;
    }
    if (garbage.kind != GarbageKind::server) return;
    auto lock = FileLock::try_acquire_existing(path, LOCK_EX);
    if (lock) remove_tree(path);
  }

  void add(GarbageKind kind, std::string name, std::string reason) {
    Garbage garbage{kind, std::move(name), std::move(reason)};
    garbage.age = age_of(path_of(store_, garbage));
    report_.garbage.push_back(std::move(garbage));
  }

  /// Fills the report (but for sizes). The caller holds the contents lock.
  void decide() {
    auto now = read_contents(store_, &before_, 1);
    auto live = live_contents(now, reasons(now));
    keep_environments_in_use(now, live);
    auto add_dead = [&](GarbageKind kind, const auto& all, const auto& needed, const char* reason) {
      for (const auto& id : all) {
        if (!needed.contains(id)) add(kind, id.hex(), reason);
      }
    };
    add_dead(GarbageKind::record, keys_of(now.records), live.steps, unneeded);
    add_dead(GarbageKind::environment, keys_of(now.environments), live.environments, unneeded);
    add_dead(GarbageKind::layer, now.layers, live.layers, unneeded);
    add_dead(GarbageKind::blob, now.blobs, live.blobs, unneeded);
    add_dead(GarbageKind::log, now.logs, live.steps, "its step is gone");
    add_sysroots(live);
    add_toolchains(live);
    add_failed_states(live);
    add_leftovers();
    add_quarantine(now, live);
    add_unused();
    std::stable_sort(report_.garbage.begin(), report_.garbage.end(), [](const Garbage& a, const Garbage& b) {
      return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
    });
    for (const auto& root : now.roots) {
      const bool gone = ::access(root.manifest.c_str(), F_OK) != 0 && errno == ENOENT;
      report_.roots.push_back({root.name, root.manifest, root.environment, gone});
    }
    for (const auto& instance : now.instances)
      if (!instance.all_known) report_.damaged_instances.push_back(instance.id);
    records_ = now.records.size();
    environments_ = now.environments.size();
    count_kept();
  }

  void count_kept() {
    auto count = [&](GarbageKind kind) {
      auto& all = report_.garbage;
      return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](auto& g) { return g.kind == kind; }));
    };
    report_.kept_steps = records_ - count(GarbageKind::record);
    report_.kept_environments = environments_ - count(GarbageKind::environment);
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

  /// A sysroot lives as long as its environment, which sessions that use it hold; so does its listing.
  void add_sysroots(const Live& live) {
    for (const auto& name : names_in(store_.root() / "sysroots")) {
      auto id = EnvironmentId::from_hex(std::string_view(name).substr(0, 2 * Digest::size));
      if (!id || !live.environments.contains(*id)) add(GarbageKind::sysroot, name, "its environment is gone");
    }
  }

  /// So does a toolchain, whose programs name the environment.
  void add_toolchains(const Live& live) {
    for (const auto& name : names_in(store_.root() / "toolchains")) {
      auto id = environment_of_toolchain(store_, name);
      if (!id || !live.environments.contains(*id)) add(GarbageKind::toolchain, name, "its environment is gone");
    }
  }

  /// Who looks at a state holds its plan's lock. A state without a plan can not be looked at.
  void add_failed_states(const Live& live) {
    for (const auto& name : names_in(store_.failed_path())) {
      auto path = store_.failed_path() / name;
      auto key = StepKey::from_hex(name);
      const bool needed = key && live.steps.contains(*key);
      if (needed && !is_older_than(path, longest_failed_state)) continue;
      auto plan = path / "plan.json";
      auto lock = FileLock::try_acquire_existing(plan, LOCK_EX);
      if (!lock && ::access(plan.c_str(), F_OK) == 0) continue;
      if (lock) held_.push_back(std::move(*lock));
      add(GarbageKind::failed_state, name, needed ? "it is older than a week" : "no project has its step any more");
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
    const auto lock_path = store_.root() / "locks" / ("graph-" + directory);
    std::optional<FileLock> lock;
    if (options_.dry_run == DryRun::no) {
      lock = lock_graph_files(store_, directory);
      if (!lock) return;
      note_whether_lost(store_, directory);
    } else if (::access(lock_path.c_str(), F_OK) == 0 && !FileLock::try_acquire_existing(lock_path, LOCK_EX)) {
      return;
    }
    const auto dead = dead_graph_files(store_, directory);
    for (const auto& name : dead) add(GarbageKind::graph, name, "no graph has needed it for a week");
    if (lock && !dead.empty()) held_.push_back(std::move(*lock));
  }

  /// What crashed processes left.
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
      add(GarbageKind::staging, name, left_behind);
    }
    for (const auto& name : names_in(trash_path(store_))) add(GarbageKind::trash, name, left_behind);
  }

  /// What repairs put aside, but for records that tell what something living is made of.
  void add_quarantine(const Contents& now, const Live& live) {
    auto tells = [&](const QuarantinedRecord& record) {
      if (record.directory == "roots") return now.salvage.roots.contains(record.name);
      if (record.directory == "steps")
        return live.steps.contains(StepKey(record.name)) && !now.records.contains(StepKey(record.name));
      const EnvironmentId id(record.name);
      return live.environments.contains(id) && !now.environments.contains(id);
    };
    for (const auto& name : names_in(store_.root() / "quarantine")) {
      const auto record = quarantined_record(name);
      if (!record || !tells(*record)) add(GarbageKind::quarantine, name, "a repair took it out of use");
    }
  }

  /// Files that nobody uses and that are made again on demand.
  void add_unused() {
    std::set<std::string> dead;
    for (const auto& garbage : report_.garbage)
      if (garbage.kind == GarbageKind::record) dead.insert(garbage.name);
    for (const auto& name : names_in(store_.root() / "links")) {
      const auto path = store_.root() / "links" / name;
      std::error_code error;
      const auto target = std::filesystem::read_symlink(path, error);
      const bool gone = ::access(path.c_str(), F_OK) != 0 && errno == ENOENT;
      if (gone || (!error && dead.contains(target.filename().native())))
        add(GarbageKind::link, name, "its step's record is gone");
    }
    for (const auto& name : names_in(store_.root() / "fetch")) {
      if (FileLock::try_acquire_existing(store_.root() / "fetch" / name, LOCK_EX))
        add(GarbageKind::server, name, left_behind);
    }
  }

  /// Empty files that are made on demand: nothing to tell of.
  void remove_lock_files() const {
    for (const auto& name : names_in(store_.root() / "locks")) {
      if (name == "contents" || name == "gc") continue;
      auto path = store_.root() / "locks" / name;
      if (auto lock = FileLock::try_acquire_existing(path, LOCK_EX)) ::unlink(path.c_str());
    }
  }

  void survey() {
    std::vector<std::filesystem::path> paths;
    for (const auto& garbage : report_.garbage) paths.push_back(path_of(store_, garbage));
    const auto found = survey_trees(paths, options_.threads);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!found[i].obstacle.empty()) refuse(found[i].obstacle);
      report_.garbage[i].bytes = found[i].bytes;
      report_.bytes += found[i].bytes;
    }
  }

  [[noreturn]] static void refuse(const std::filesystem::path& obstacle) {
    throw StoreError(
        fmt::format("nothing was removed, as \"{}\" can not be: it belongs to ids that this process does not have; run "
                    "gc in the id mode in which the store was filled (see `karapace doctor`)",
                    escaped_utf8(obstacle.native())));
  }

  const Store& store_;
  const GcOptions& options_;
  Contents before_;
  std::vector<FileLock> held_;
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> moved_;  // from where, to where in the trash
  std::size_t records_ = 0;
  std::size_t environments_ = 0;
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
  if (options.dry_run == DryRun::no) {
    give_up_reserve_if_full(store);
    only_one = FileLock::acquire(store.root() / "locks" / "gc", LOCK_EX);
  }
  try {
    auto report = Collection(store, options).run();
    if (options.dry_run == DryRun::no) prepare_trash(store.root());
    return report;
  } catch (const StoreError& error) {
    throw StoreError(fmt::format("gc stopped: {}", error.what()));
  }
}

}  // namespace karapace::store
