// SPDX-License-Identifier: Apache-2.0
// How gc removes nothing that somebody needs, while builds and sessions run.
//
// There is one lock, `locks/contents`. Whoever lets something appear in the store (a blob, layer, record, environment,
// root, instance, or a pin) holds it shared for that moment; gc holds it exclusively for the moments in which it
// renames the dead away (`take_away`). Reading everything and deciding beforehand and deleting afterwards happen
// without it. So each appearance lies wholly before or wholly after a moment of gc's. In each moment gc first looks at
// what came since it decided (Newcomers), which only ever makes more live: what it then takes would be garbage had
// it just begun. Moments are short, however large the store is, as everybody waits for them. The cases:
//
// - A layer or blob that appeared before, whose record is still to come: add_layer and add_blob pin it in the staging
//   directory of the step, in the same shared section. gc reads the pins of all staging directories that are locked,
//   so it stays. If its maker finds that it exists already (made by another step, perhaps dead), the pin is written
//   before the question is asked, in one shared section: either gc took it away before, and the maker adds its own, or
//   gc sees the pin.
// - The inputs of a running step: Store::stage(step) pins them and then looks whether their records are there, in one
//   shared section. Either gc was there before and the step ends with "run ninja again", or gc sees the pins and keeps
//   the records, their outputs and all that led to them. So no step ever reads a tree that is being deleted.
// - A record that appeared since gc began to read is alive, with everything it leads to: its build is running. So
//   is one that gc took away and that is there again. A record whose output is gone does not appear: add_record asks
//   under the shared lock.
// - An environment that appeared since, or whose step is being made: alive.
// - A session holds a shared flock on its environment's record before it mounts. gc takes the exclusive lock, without
//   waiting, of each environment that it would remove; when it can not have it, the environment lives. The lock is
//   held until the record has lost its name, and a session that waited looks whether its file still has its name.
//   Environments go before anything that they are made of.
// - A root written since gc began is read again in the moment itself. If it lists steps that were dead before and have
//   just been removed, ninja sees their records missing and runs them: correct, only slower.
// - What a repair has taken out of use since gc decided makes it decide again.
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
// of it. Nothing is taken that was not surveyed; that is left to the next gc.
#include "store/gc.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
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
#include "store/absent.hpp"
#include "store/contents.hpp"
#include "store/garbage.hpp"
#include "store/graph_files.hpp"
#include "store/toolchain.hpp"
#include "store/trash.hpp"

namespace karapace::store {

namespace {

/// For how long names are moved while others wait; then they have their turn.
constexpr std::chrono::milliseconds a_moment{10};
constexpr const char* unneeded = "no project, instance, session or running step needs it";
constexpr const char* left_behind = "a process that was killed left it";

bool is_older_than(const std::filesystem::path& path, std::chrono::seconds age) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && std::time(nullptr) - status.st_mtim.tv_sec > age.count();
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
    if (options_.dry_run == DryRun::yes) {
      decide();
      return std::move(report_);
    }
    do {
      decide();
    } while (!take_away());
    remove();
    return finished_report();
  }

 private:
  void decide() {
    report_ = {};
    add_graph_files();
    {
      auto lock =
          FileLock::acquire_existing(store_.root() / "locks" / "contents", LOCK_SH);  // also in a read-only store
      newcomers_.emplace(store_);
      add_dead_contents();
    }
    survey();
  }

  GcReport finished_report() {
    report_.garbage = std::move(taken_);
    std::stable_sort(report_.garbage.begin(), report_.garbage.end(), [](const Garbage& a, const Garbage& b) {
      return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
    });
    report_.bytes = 0;
    for (const auto& garbage : report_.garbage) report_.bytes += garbage.bytes;
    report_.kept_steps = contents_.records.size();
    report_.kept_environments = contents_.environments.size();
    return std::move(report_);
  }

  /// False when what was decided counts no longer.
  bool take_away() {
    take_graph_files();
    auto& garbage = report_.garbage;
    std::stable_partition(garbage.begin(), garbage.end(),
                          [](const Garbage& one) { return one.kind == GarbageKind::environment; });
    dead_records_.clear();
    for (const auto& one : garbage)
      if (one.kind == GarbageKind::record) dead_records_.emplace(one.name, &one);
    for (std::size_t next = 0; next < garbage.size();) {
      auto lock = store_.lock_contents(LOCK_EX);
      if (newcomers_->was_repaired()) return false;
      extend_live(live_, contents_, newcomers_->meet(contents_));
      const auto end = std::chrono::steady_clock::now() + a_moment;
      do take(garbage[next++]);
      while (next < garbage.size() && std::chrono::steady_clock::now() < end);
    }
    return true;
  }

  /// Whose lock is not to be had, or what lives by now, stays.
  void take(const Garbage& garbage) {
    if (garbage.kind == GarbageKind::graph || !is_dead(garbage)) return;
    const auto lock = lock_of(garbage);
    if (lock.is_busy) {
      if (garbage.kind == GarbageKind::environment)
        extend_live(live_, contents_, {{}, {*EnvironmentId::from_hex(garbage.name)}, {}});
      return;
    }
    if (garbage.kind == GarbageKind::environment) take_step_of(*EnvironmentId::from_hex(garbage.name));
    if (!is_moved(garbage.kind) || move_away(garbage)) taken_.push_back(garbage);
    forget(garbage);
  }

  /// The record that names an environment goes before it.
  void take_step_of(const EnvironmentId& id) {
    const auto found = contents_.environments.find(id);
    if (found == contents_.environments.end()) return;
    const auto record = dead_records_.find(found->second.step.hex());
    if (record != dead_records_.end()) take(*record->second);
  }

  /// What comes again under its name is new.
  void forget(const Garbage& garbage) {
    if (garbage.kind == GarbageKind::record) contents_.records.erase(*StepKey::from_hex(garbage.name));
    if (garbage.kind == GarbageKind::environment) contents_.environments.erase(*EnvironmentId::from_hex(garbage.name));
  }

  /// False when it is gone already.
  bool move_away(const Garbage& garbage) {
    const auto from = path_of(store_, garbage);
    try {
      auto to = move_to_trash(store_, from, fmt::format("{}-{}", text(garbage.kind), garbage.name));
      if (to.empty()) return false;
      moved_.push_back({from, std::move(to)});
      return true;
    } catch (const StoreError&) {
      bring_back();
      throw;
    }
  }

  /// All or nothing. What was made again meanwhile stays.
  void bring_back() {
    std::reverse(moved_.begin(), moved_.end());
    for (const auto& [from, to] : moved_) ::renameat2(AT_FDCWD, to.c_str(), AT_FDCWD, from.c_str(), RENAME_NOREPLACE);
    moved_.clear();
  }

  /// What stays for an error is told when all the rest is gone.
  void remove() {
    std::vector<std::filesystem::path> trees;
    for (const auto& [from, to] : moved_) trees.push_back(to);
    for (const auto& garbage : taken_) {
      if (garbage.kind == GarbageKind::trash) trees.push_back(path_of(store_, garbage));
    }
    remove_trees(trees, options_.threads);
    for (const auto& garbage : taken_) remove_in_place(garbage);
    if (has_absent_outputs(store_)) {
      const auto lock = store_.lock_contents(LOCK_EX);
      remove_stray_marks(store_, live_.steps);
    }
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
  void add_dead_contents() {
    contents_ = read_contents(store_, &before_, 1);
    live_ = live_contents(contents_, reasons());
    keep_environments_in_use();
    auto add_dead = [&](GarbageKind kind, const auto& all, const auto& needed, const char* reason) {
      for (const auto& id : all) {
        if (!needed.contains(id)) add(kind, id.hex(), reason);
      }
    };
    add_dead(GarbageKind::record, keys_of(contents_.records), live_.steps, unneeded);
    add_dead(GarbageKind::environment, keys_of(contents_.environments), live_.environments, unneeded);
    add_dead(GarbageKind::layer, contents_.layers, live_.layers, unneeded);
    add_dead(GarbageKind::blob, contents_.blobs, live_.blobs, unneeded);
    add_dead(GarbageKind::log, contents_.logs, live_.steps, "its step is gone");
    add_of_dead_environments(GarbageKind::sysroot);
    add_of_dead_environments(GarbageKind::toolchain);
    add_failed_states();
    add_leftovers();
    add_quarantine();
    add_unused();
    std::stable_sort(report_.garbage.begin(), report_.garbage.end(), [](const Garbage& a, const Garbage& b) {
      return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
    });
    for (const auto& root : contents_.roots) {
      const bool gone = ::access(root.manifest.c_str(), F_OK) != 0 && errno == ENOENT;
      report_.roots.push_back({root.name, root.manifest, root.environment, gone});
    }
    for (const auto& instance : contents_.instances)
      if (!instance.all_known) report_.damaged_instances.push_back(instance.id);
    count_kept();
  }

  void count_kept() {
    auto count = [&](GarbageKind kind) {
      auto& all = report_.garbage;
      return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](auto& g) { return g.kind == kind; }));
    };
    report_.kept_steps = contents_.records.size() - count(GarbageKind::record);
    report_.kept_environments = contents_.environments.size() - count(GarbageKind::environment);
  }

  Reasons reasons() const {
    Reasons reasons{{}, options_.keep, read_pins(store_.staging_path())};
    for (const auto& [key, record] : contents_.records) {
      if (!before_.records.contains(key)) reasons.steps.insert(key);
    }
    for (const auto& [id, environment] : contents_.environments) {
      if (!before_.environments.contains(id)) reasons.environments.insert(id);
    }
    return reasons;
  }

  /// A session's environment lives.
  void keep_environments_in_use() {
    Reasons in_use;
    for (const auto& [id, environment] : contents_.environments) {
      if (live_.environments.contains(id)) continue;
      if (!FileLock::try_acquire_existing(store_.environment_path(id), LOCK_EX)) in_use.environments.insert(id);
    }
    extend_live(live_, contents_, in_use);
  }

  /// Sysroots and toolchains live as long as their environment, which sessions that use one hold; so does a sysroot's
  /// listing.
  void add_of_dead_environments(GarbageKind kind) {
    for (const auto& name : names_in(store_.root() / directory_of(kind))) {
      if (const Garbage garbage{kind, name, {}}; is_dead(garbage)) add(kind, name, "its environment is gone");
    }
  }

  /// Who looks at a state holds its plan's lock. A state without a plan can not be looked at.
  void add_failed_states() {
    for (const auto& name : names_in(store_.failed_path())) {
      const Garbage garbage{GarbageKind::failed_state, name, {}};
      if (!is_dead(garbage) || lock_of(garbage).is_busy) continue;
      add(garbage.kind, name, is_step_alive(name) ? "it is older than a week" : "no project has its step any more");
    }
  }

  bool is_step_alive(const std::string& name) const {
    auto key = StepKey::from_hex(name);
    return key && live_.steps.contains(*key);
  }

  bool is_environment_alive(const std::optional<EnvironmentId>& id) const {
    return id && live_.environments.contains(*id);
  }

  /// By what lives now.
  bool is_dead(const Garbage& garbage) const {
    const auto& name = garbage.name;
    switch (garbage.kind) {
      case GarbageKind::record:
      case GarbageKind::log: return !is_step_alive(name);
      case GarbageKind::environment: return !is_environment_alive(EnvironmentId::from_hex(name));
      case GarbageKind::layer: return !live_.layers.contains(*LayerId::from_hex(name));
      case GarbageKind::blob: return !live_.blobs.contains(*BlobId::from_hex(name));
      case GarbageKind::failed_state:
        return !is_step_alive(name) || is_older_than(path_of(store_, garbage), longest_failed_state);
      case GarbageKind::sysroot:
        return !is_environment_alive(EnvironmentId::from_hex(std::string_view(name).substr(0, 2 * Digest::size)));
      case GarbageKind::toolchain: return !is_environment_alive(environment_of_toolchain(store_, name));
      case GarbageKind::quarantine: return !tells(quarantined_record(name));
      case GarbageKind::staging:
      case GarbageKind::graph:
      case GarbageKind::trash:
      case GarbageKind::link:
      case GarbageKind::server: return true;
    }
    return false;
  }

  /// What keeps others from using it until it has lost its name.
  struct Held {
    std::optional<FileLock> lock = std::nullopt;
    bool is_busy = false;  // somebody uses it
  };
  Held lock_of(const Garbage& garbage) const {
    auto path = path_of(store_, garbage);
    if (garbage.kind == GarbageKind::failed_state) path /= "plan.json";
    struct stat status{};
    const bool is_there = ::lstat(path.c_str(), &status) == 0;
    // Files in staging are written under the contents lock: one that is still there was left by a crash.
    const bool has_lock = garbage.kind == GarbageKind::environment || garbage.kind == GarbageKind::failed_state ||
                          (garbage.kind == GarbageKind::staging && S_ISDIR(status.st_mode));
    if (!is_there || !has_lock) return {};
    auto lock = FileLock::try_acquire_existing(path, LOCK_EX);
    const bool is_busy = !lock && ::lstat(path.c_str(), &status) == 0;
    return {std::move(lock), is_busy};
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
    for (const auto& name : dead_graph_files(store_, directory))
      add(GarbageKind::graph, name, "no graph has needed it for a week");
  }

  /// Only their own lock counts; it is held for each directory's files alone. Nothing is taken while a gen has it.
  void take_graph_files() {
    std::map<std::string, std::vector<const Garbage*>> directories;
    for (const auto& garbage : report_.garbage) {
      if (garbage.kind == GarbageKind::graph)
        directories[garbage.name.substr(0, garbage.name.find('/'))].push_back(&garbage);
    }
    for (const auto& [directory, files] : directories) {
      const auto lock = lock_graph_files(store_, directory);
      if (!lock) continue;
      const auto dead = dead_graph_files(store_, directory);
      for (const auto* garbage : files) {
        const bool is_still = std::find(dead.begin(), dead.end(), garbage->name) != dead.end();
        if (is_still && move_away(*garbage)) taken_.push_back(*garbage);
      }
    }
  }

  /// What crashed processes left.
  void add_leftovers() {
    for (const auto& name : names_in(store_.staging_path())) {
      // Somebody may work in it.
      if (!lock_of({GarbageKind::staging, name, {}}).is_busy) add(GarbageKind::staging, name, left_behind);
    }
    for (const auto& name : names_in(trash_path(store_))) add(GarbageKind::trash, name, left_behind);
  }

  /// Of what something living is made.
  bool tells(const std::optional<QuarantinedRecord>& record) const {
    if (!record) return false;
    if (record->directory == "roots") return contents_.salvage.roots.contains(record->name);
    if (record->directory == "steps")
      return live_.steps.contains(StepKey(record->name)) && !contents_.records.contains(StepKey(record->name));
    const EnvironmentId id(record->name);
    return live_.environments.contains(id) && !contents_.environments.contains(id);
  }

  /// What repairs put aside, but for records that tell what something living is made of.
  void add_quarantine() {
    for (const auto& name : names_in(store_.root() / "quarantine")) {
      if (is_dead({GarbageKind::quarantine, name, {}}))
        add(GarbageKind::quarantine, name, "a repair took it out of use");
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
  // What was decided of, with what came since:
  std::optional<Newcomers> newcomers_;
  Contents contents_;
  Live live_;
  GcReport report_;  // what is to go
  std::map<std::string, const Garbage*> dead_records_;
  std::vector<Garbage> taken_;
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> moved_;  // from where, to where in the trash
};

/// Threads that remove deep trees need many.
void allow_many_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

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
