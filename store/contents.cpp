// SPDX-License-Identifier: Apache-2.0
#include "store/contents.hpp"

#include <ctime>
#include <mutex>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/parallel.hpp"
#include "store/root_index.hpp"

namespace karapace::store {

namespace {

template <class Id>
std::vector<Id> ids_in(const Store& store, const char* directory) {
  std::vector<Id> ids;
  for (const auto& name : names_in(store.root() / directory)) {
    auto id = Id::from_hex(name);
    if (!id) {
      throw StoreError(fmt::format("\"{}\" does not belong into a store; run `karapace verify-store --repair`",
                                   escaped_utf8((store.root() / directory / name).native())));
    }
    ids.push_back(*id);
  }
  return ids;
}

template <class Id>
std::set<Id> id_set(const Store& store, const char* directory) {
  auto ids = ids_in<Id>(store, directory);
  return {ids.begin(), ids.end()};
}

std::map<StepKey, StepRecord> read_records(const Store& store, const Contents* known, unsigned threads) {
  auto keys = ids_in<StepKey>(store, "steps");
  std::vector<std::optional<StepRecord>> found(keys.size());
  for_each_index(keys.size(), threads, [&](std::size_t i) {
    auto old = known ? known->records.find(keys[i]) : std::map<StepKey, StepRecord>::const_iterator{};
    found[i] = known && old != known->records.end() ? old->second : store.record(keys[i]);
  });
  std::map<StepKey, StepRecord> records;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i]) records.emplace_hint(records.end(), keys[i], std::move(*found[i]));
  }
  return records;
}

/// Collects what lives by following records and environments from the steps and environments that are asked for.
class Marking {
 public:
  explicit Marking(const Contents& contents, Live live = {}) : contents_(contents), live_(std::move(live)) {}

  void step(const StepKey& key) {
    pending_.push_back(key);
    while (!pending_.empty()) {
      auto next = pending_.back();
      pending_.pop_back();
      if (live_.steps.insert(next).second) follow(next);
    }
  }

  void environment(const EnvironmentId& id) {
    if (!live_.environments.insert(id).second) return;
    live_.blobs.insert(BlobId(id.digest()));  // the lock: from it the environment can be built again
    auto found = contents_.environments.find(id);
    if (found == contents_.environments.end()) return salvaged(contents_.salvage.environments, id.digest());
    live_.layers.insert(found->second.layers.begin(), found->second.layers.end());
    live_.blobs.insert(found->second.lock);
    step(found->second.step);
  }

  /// Whatever digests a record had that was taken away, of whatever they are.
  void all_of(const std::set<Digest>& digests) {
    for (const auto& digest : digests) {
      live_.blobs.insert(BlobId(digest));
      live_.layers.insert(LayerId(digest));
      step(StepKey(digest));
      environment(EnvironmentId(digest));
    }
  }

  void everything() {
    for (const auto& [key, record] : contents_.records) step(key);
    for (const auto& [id, record] : contents_.environments) environment(id);
    live_.layers.insert(contents_.layers.begin(), contents_.layers.end());
    live_.blobs.insert(contents_.blobs.begin(), contents_.blobs.end());
  }

  void know_all() noexcept { unknown_ = false; }

  void all_for(const Reasons& reasons) {
    // What lived before it was there, or was made anew, has not been followed.
    for (const auto& id : reasons.environments) live_.environments.erase(id);
    for (const auto& key : reasons.steps) live_.steps.erase(key);
    for (const auto& id : reasons.environments) environment(id);
    for (const auto& key : reasons.steps) step(key);
    for (const auto& key : reasons.pins.steps) step(key);
    for (const auto& key : reasons.pins.making) step(key);
    for (const auto& [id, made] : contents_.environments) {
      if (reasons.pins.making.contains(made.step)) environment(id);
    }
    // What led to something that lives is not known any more: all that steps made may have.
    if (unknown_) {
      for (const auto& [key, record] : contents_.records) step(key);
    }
    live_.blobs.insert(reasons.pins.blobs.begin(), reasons.pins.blobs.end());
    live_.layers.insert(reasons.pins.layers.begin(), reasons.pins.layers.end());
    if (reasons.anything) everything();
  }

  Live& live() { return live_; }

 private:
  void salvaged(const Salvaged& records, const Digest& name) {
    auto found = records.find(name);
    if (found == records.end()) return;
    all_of(found->second.digests);
    if (!found->second.whole) unknown_ = true;
  }

  void follow(const StepKey& key) {
    auto found = contents_.records.find(key);
    if (found == contents_.records.end()) return salvaged(contents_.salvage.steps, key.digest());
    const auto& record = found->second;
    pending_.insert(pending_.end(), record.step.inputs.begin(), record.step.inputs.end());
    if (auto* blob = std::get_if<BlobOutput>(&record.output)) live_.blobs.insert(blob->blob);
    if (auto* layer = std::get_if<LayerOutput>(&record.output)) live_.layers.insert(layer->layer);
    if (auto* made = std::get_if<EnvironmentOutput>(&record.output)) environment(made->environment);
  }

  const Contents& contents_;
  std::vector<StepKey> pending_;
  bool unknown_ = false;
  Live live_;
};

}  // namespace

namespace {

/// names_in tells of a directory that is gone as of an empty one: then everything would be garbage.
void require_directories(const Store& store) {
  for (const char* name : {"roots", "instances", "steps", "environments"}) {
    if (std::filesystem::is_directory(store.root() / name)) continue;
    throw StoreError(
        fmt::format("the store \"{}\" has lost its directory \"{}\", which says what is needed: bring it back from a "
                    "backup",
                    escaped_utf8(store.root().native()), name));
  }
}

}  // namespace

Contents read_contents(const Store& store, const Contents* known, unsigned threads) {
  require_directories(store);
  Contents contents;
  contents.records = read_records(store, known, threads);
  for (auto& environment : environments(store)) contents.environments.emplace(environment.id, std::move(environment));
  contents.layers = id_set<LayerId>(store, "layers");
  contents.blobs = id_set<BlobId>(store, "blobs");
  contents.logs = id_set<StepKey>(store, "logs");
  contents.roots = roots(store);
  contents.instances = needs_of_instances(store);
  contents.salvage = read_salvage(store);
  std::erase_if(contents.salvage.roots,
                [&](const auto& root) { return std::filesystem::exists(store.roots_path() / root.first.hex()); });
  return contents;
}

Live live_contents(const Contents& contents, const Reasons& reasons) {
  Marking marking(contents);
  for (const auto& root : contents.roots) {
    for (const auto& key : root.steps) marking.step(key);
    marking.environment(root.environment);
  }
  for (const auto& [name, record] : contents.salvage.roots) marking.all_of(record.digests);
  marking.know_all();  // roots list every step themselves
  for (const auto& instance : contents.instances) {
    for (const auto& id : instance.environments) marking.environment(id);
    if (!instance.all_known) marking.everything();
  }
  marking.all_for(reasons);
  return std::move(marking.live());
}

void extend_live(Live& live, const Contents& contents, const Reasons& reasons) {
  Marking marking(contents, std::move(live));
  marking.all_for(reasons);
  live = std::move(marking.live());
}

namespace {

// Step records never change under their names, so one that is known needs no look. Those of environments and roots are
// replaced by rename(2): another inode, another time. Of an instance the directories tell: whatever changes what it
// needs is a rename in its own directory, in that of its current generation or among its snapshots. File systems count
// time in ticks of some milliseconds: a thing that had changed just before it was looked at may do so again without
// telling, and counts as changed.
constexpr std::int64_t longest_tick = 100'000'000;  // nanoseconds

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec; }

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return nanoseconds(time);
}

void add_to(std::vector<std::int64_t>& stamp, int directory, const std::string& name) {
  struct stat status{};
  const auto time = now();
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return stamp.push_back(0);
  const auto changed = nanoseconds(status.st_ctim);
  stamp.push_back(static_cast<std::int64_t>(status.st_ino));
  stamp.push_back(changed);
  // Like nothing that was or will be.
  if (changed > time - longest_tick) stamp.push_back(time);
}

}  // namespace

Newcomers::Newcomers(const Store& store) : store_(store), quarantine_(names_in(store.root() / "quarantine")) {
  changed(environments_, "environments");
  changed(roots_, "roots");
  changed(instances_, "instances");
}

std::vector<std::string> Newcomers::changed(Stamps& known, const char* directory) const {
  // By one descriptor: the way there is long, and there may be thousands.
  const auto opened = open_if_exists(AT_FDCWD, store_.root() / directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return {};
  const bool are_instances = &known == &instances_;
  std::vector<std::string> found;
  for (const auto& name : names_in(opened->get(), store_.root() / directory)) {
    Stamp stamp;
    add_to(stamp, opened->get(), name);
    if (are_instances)
      for (const char* part : {"/current", "/snapshots"}) add_to(stamp, opened->get(), name + part);
    auto& before = known[name];
    if (stamp == before) continue;
    before = std::move(stamp);
    found.push_back(name);
  }
  return found;
}

Reasons Newcomers::meet(Contents& contents) {
  Reasons reasons;
  reasons.pins = read_pins(store_.staging_path());
  for (const auto& name : names_in(store_.root() / "steps")) {
    const auto key = StepKey::from_hex(name);
    if (!key || contents.records.contains(*key)) continue;
    if (auto record = store_.record(*key)) contents.records.emplace(*key, *std::move(record));
    reasons.steps.insert(*key);
  }
  for (const auto& name : changed(environments_, "environments")) {
    const auto id = EnvironmentId::from_hex(name);
    auto environment = id ? find_environment(store_, *id) : std::nullopt;
    const auto known = id ? contents.environments.find(*id) : contents.environments.end();
    if (!environment || (known != contents.environments.end() && known->second.text() == environment->text())) continue;
    contents.environments.insert_or_assign(*id, *std::move(environment));
    reasons.environments.insert(*id);
  }
  for (const auto& name : changed(roots_, "roots")) {
    const auto root = read_root(store_, name, RootSteps::read);
    if (!root) continue;
    reasons.steps.insert(root->steps.begin(), root->steps.end());
    reasons.environments.insert(root->environment);
  }
  for (const auto& name : changed(instances_, "instances")) {
    const auto needs = needs_of_instance(store_, name);
    if (!needs) continue;
    reasons.environments.insert(needs->environments.begin(), needs->environments.end());
    if (!needs->all_known) reasons.anything = true;
  }
  return reasons;
}

bool Newcomers::was_repaired() const { return names_in(store_.root() / "quarantine") != quarantine_; }

}  // namespace karapace::store
