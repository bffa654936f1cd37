// SPDX-License-Identifier: Apache-2.0
#include "store/repair.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "store/absent.hpp"
#include "store/distinct_layers.hpp"
#include "store/environment.hpp"
#include "store/salvage.hpp"
#include "store/store_identity.hpp"

namespace karapace::store {

namespace {

bool has_name(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

/// Moves directory/name to the quarantine; true when it has no longer its name.
bool set_aside(const Store& store, const std::string& directory, const std::string& name) {
  auto quarantine = store.root() / "quarantine";
  make_directory_if_missing(quarantine, 0700);
  auto from = store.root() / directory / name;
  auto label = directory.empty() ? name : fmt::format("{}-{}", directory, name);
  std::replace(label.begin(), label.end(), '/', '-');
  for (int number = 1;; ++number) {
    auto to = quarantine / fmt::format("{}.{}", label, number);
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 || errno == ENOENT)
      return true;
    if (errno == EEXIST) continue;
    throw StoreError(
        errno_message(fmt::format("cannot move \"{}\" to the quarantine", escaped_utf8(from.native())), errno));
  }
}

/// Nothing when it is damaged, too.
std::optional<StepRecord> readable_record(const Store& store, const StepKey& key) {
  try {
    return store.record(key);
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

std::optional<Environment> readable_environment(const Store& store, const EnvironmentId& id) {
  try {
    return find_environment(store, id);
  } catch (const StoreError&) {
    return std::nullopt;
  }
}

/// What a record names, by the store's directory and the name in it.
struct ObjectName {
  ObjectKind kind{};
  Digest digest;
  auto operator<=>(const ObjectName&) const = default;
};

ObjectName name_of(const StepOutput& output) {
  if (auto* made = std::get_if<BlobOutput>(&output)) return {ObjectKind::blob, made->blob.digest()};
  if (auto* made = std::get_if<LayerOutput>(&output)) return {ObjectKind::layer, made->layer.digest()};
  return {ObjectKind::environment, std::get<EnvironmentOutput>(output).environment.digest()};
}

/// Finds what steps made of damaged objects, by their records. A step record names its inputs by their keys, which say
/// nothing of outputs: so the way goes from an object to the records that made it, and on to those that read them.
class Downstream {
 public:
  Downstream(const std::map<StepKey, StepRecord>& records, const VerifyReport& report) : records_(records) {
    for (const auto& problem : report.problems) {
      auto digest = Digest::from_hex(problem.name);
      bool has_bytes = problem.kind == ObjectKind::blob || problem.kind == ObjectKind::layer;
      if (digest && has_bytes && problem.trouble == Trouble::damaged) damaged_.insert({problem.kind, *digest});
    }
    if (!damaged_.empty()) follow();
  }

  /// Records of steps that read something damaged, or made it.
  const std::set<StepKey>& steps() const noexcept { return steps_; }

  /// What these made, and no other step did.
  std::set<ObjectName> outputs() const {
    std::set<ObjectName> made;
    for (const auto& key : steps_) made.insert(name_of(records_.at(key).output));
    for (const auto& [key, record] : records_) {
      if (!steps_.contains(key)) made.erase(name_of(record.output));
    }
    return made;
  }

 private:
  void follow() {
    std::multimap<StepKey, StepKey> readers;
    for (const auto& [key, record] : records_) {
      for (const auto& input : record.step.inputs) readers.emplace(input, key);
    }
    std::vector<StepKey> pending;
    auto orphans = damaged_;
    for (const auto& [key, record] : records_) {
      auto output = name_of(record.output);
      if (!damaged_.contains(output)) continue;
      orphans.erase(output);
      pending.push_back(key);
    }
    if (!orphans.empty()) add_readers_of_unknown(pending);
    while (!pending.empty()) {
      auto key = pending.back();
      pending.pop_back();
      if (!steps_.insert(key).second) continue;
      auto [begin, end] = readers.equal_range(key);
      for (auto reader = begin; reader != end; ++reader) pending.push_back(reader->second);
    }
  }

  /// Nothing tells which step made a damaged object: it may be any input that has no record.
  void add_readers_of_unknown(std::vector<StepKey>& pending) const {
    for (const auto& [key, record] : records_) {
      const auto& inputs = record.step.inputs;
      bool unknown = std::any_of(inputs.begin(), inputs.end(), [&](auto& input) { return !records_.contains(input); });
      if (unknown) pending.push_back(key);
    }
  }

  const std::map<StepKey, StepRecord>& records_;
  std::set<ObjectName> damaged_;
  std::set<StepKey> steps_;
};

const char* directory_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::blob: return "blobs";
    case ObjectKind::layer: return "layers";
    case ObjectKind::record: return "steps";
    case ObjectKind::environment: return "environments";
    case ObjectKind::root: return "roots";
    case ObjectKind::instance: return "instances";
    case ObjectKind::sysroot: return "sysroots";
    case ObjectKind::toolchain: return "toolchains";
    case ObjectKind::version:
    case ObjectKind::stray: return "";
  }
  return "";
}

class Repairing {
 public:
  Repairing(const Store& store, VerifyReport& report) : store_(store), report_(report) {}

  void run() {
    // Everybody waits for what follows: under the lock only what is new is read.
    read_new_records();
    take_out_all();
    forget_absent(store_, inputs_of_remade());
    for (auto& problem : report_.problems) {
      if (problem.kind == ObjectKind::instance && problem.trouble != Trouble::unchecked) restore(problem);
    }
    std::sort(report_.to_be_remade.begin(), report_.to_be_remade.end());
    std::sort(report_.derived.begin(), report_.derived.end());
  }

 private:
  /// What ninja will need to make these again, and was never here.
  std::vector<StepKey> inputs_of_remade() const {
    std::vector<StepKey> inputs;
    for (const auto& key : report_.to_be_remade) {
      const auto found = records_.find(key);
      if (found == records_.end()) continue;
      const auto& read = found->second.step.inputs;
      inputs.insert(inputs.end(), read.begin(), read.end());
    }
    return inputs;
  }

  void take_out_all() {
    auto lock = store_.lock_contents(LOCK_EX);
    read_new_records();
    const Downstream downstream(records_, report_);
    for (auto& problem : report_.problems) take_out(problem);
    for (const auto& key : downstream.steps()) take_out_derived(ObjectKind::record, key.hex());
    for (const auto& output : downstream.outputs()) take_out_derived(output.kind, output.digest.hex());
    remove_broken_environments();
    remove_broken_records();
    remove_states_of_gone_layers();
  }

  /// Those that can be read. Records never change under their names; environments may be replaced.
  void read_new_records() {
    for (const auto& name : names_in(store_.root() / "steps")) {
      const auto key = StepKey::from_hex(name);
      if (!key || records_.contains(*key)) continue;
      if (auto record = readable_record(store_, *key)) records_.emplace(*key, *std::move(record));
    }
    for (const auto& name : names_in(store_.root() / "environments")) {
      const auto id = EnvironmentId::from_hex(name);
      struct stat status{};
      if (!id || ::lstat(store_.environment_path(*id).c_str(), &status) != 0) continue;
      const std::pair is_this_file{status.st_ino, modified_ns(status)};
      const auto known = environments_.find(*id);
      if (known != environments_.end() && known->second.file == is_this_file) continue;
      environments_.erase(*id);
      if (auto environment = readable_environment(store_, *id))
        environments_.emplace(*id, ReadEnvironment{is_this_file, *std::move(environment)});
    }
  }

  /// What is damaged in a snapshot's tree stays so, and told. An environment that is not there is no damage of it.
  void restore(Problem& problem) const {
    if (problem.trouble == Trouble::missing) return;
    const auto instance = store_.instances_path() / problem.name;
    problem.notes = restore_instance(store_, problem.name);
    problem.repaired = restore_instance_copies(instance) && damaged_parts(instance, report_.scan_options).empty();
  }

  void take_out(Problem& problem) {
    if (problem.trouble == Trouble::unchecked || problem.kind == ObjectKind::instance) return;
    if (problem.kind == ObjectKind::version) {
      write_identity(store_.root(), read_identity(store_.root()));
      problem.repaired = true;
      return;
    }
    problem.repaired = set_aside(store_, directory_of(problem.kind), problem.name);
    if (problem.kind == ObjectKind::sysroot) set_aside(store_, "sysroots", problem.name + ".listing");
    if (problem.kind == ObjectKind::record) remade(problem.name);
  }

  /// Nothing when the damage itself has taken it out already.
  void take_out_derived(ObjectKind kind, const std::string& name) {
    if (!has_name(store_.root() / directory_of(kind) / name)) return;
    set_aside(store_, directory_of(kind), name);
    report_.derived.push_back({kind, name});
    if (kind == ObjectKind::record) remade(name);
  }

  void remade(const std::string& name) {
    if (auto key = StepKey::from_hex(name)) report_.to_be_remade.push_back(*key);
  }

  /// With their sysroots, which were made of the layers.
  void remove_broken_environments() {
    for (const auto& [id, environment] : environments_) {
      bool whole = store_.has_blob(environment.record.lock);
      for (const auto& layer : environment.record.layers) whole = whole && store_.has_layer(layer);
      if (!whole && has_name(store_.environment_path(id))) set_aside(store_, "environments", id.hex());
    }
    for (const auto& name : names_in(store_.root() / "sysroots")) {
      auto id = EnvironmentId::from_hex(std::string_view(name).substr(0, 2 * Digest::size));
      if (id && ::access(store_.environment_path(*id).c_str(), F_OK) != 0) set_aside(store_, "sysroots", name);
    }
  }

  /// Records whose output is no longer there.
  void remove_broken_records() {
    for (const auto& [key, record] : records_) {
      if (lost_output(store_, record).empty() || !has_name(store_.step_path(key))) continue;
      set_aside(store_, "steps", key.hex());
      remade(key.hex());
    }
  }

  /// What failed steps left stands on layers of the store (runtime/sandbox/debug_state.hpp).
  void remove_states_of_gone_layers() const {
    for (const auto& name : names_in(store_.failed_path())) {
      const auto plan = read_text(store_.failed_path() / name / "plan.json");
      const auto digests = digests_in(plan);
      const bool is_broken = std::any_of(digests.begin(), digests.end(), [&](const Digest& digest) {
        return plan.find("layers/" + digest.hex()) != plan.npos && !store_.has_layer(LayerId(digest));
      });
      if (is_broken) set_aside(store_, "failed", name);
    }
  }

  static std::string read_text(const std::filesystem::path& path) {
    try {
      return read_file_if_exists(path).value_or("");
    } catch (const StoreError&) {
      return {};
    }
  }

  struct ReadEnvironment {
    std::pair<ino_t, std::int64_t> file;
    Environment record;
  };

  const Store& store_;
  VerifyReport& report_;
  std::map<StepKey, StepRecord> records_;
  std::map<EnvironmentId, ReadEnvironment> environments_;
};

}  // namespace

void repair_store(const Store& store, VerifyReport& report) { Repairing(store, report).run(); }

/// A damaged one can not be told from one whose output is gone; neither is of use.
bool has_usable_record(const Store& store, const StepKey& key) {
  try {
    auto record = store.record(key);
    return record && lost_output(store, *record).empty();
  } catch (const CallError&) {
    throw;
  } catch (const StoreError&) {
    return false;
  }
}

std::vector<StepKey> forget_lost_outputs(const Store& store, const std::vector<StepKey>& keys) {
  auto is_lost = [&](const StepKey& key) { return has_name(store.step_path(key)) && !has_usable_record(store, key); };
  std::vector<StepKey> lost;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(lost), is_lost);
  if (lost.empty()) return lost;
  std::vector<StepKey> inputs;
  {
    auto lock = store.lock_contents(LOCK_EX);
    std::erase_if(lost, [&](const StepKey& key) { return !is_lost(key); });
    for (const auto& key : lost) {
      if (const auto record = readable_record(store, key))
        inputs.insert(inputs.end(), record->step.inputs.begin(), record->step.inputs.end());
      set_aside(store, "steps", key.hex());
    }
  }
  // Ninja will run these steps, which need what they read.
  const auto absent = forget_absent(store, inputs);
  lost.insert(lost.end(), absent.begin(), absent.end());
  return lost;
}

std::string lost_output(const Store& store, const StepRecord& record) {
  return is_absent(store, record) ? "" : missing_output(store, record);
}

namespace {

/// Whether the environment is made of what its step's inputs made, as far as their records are there. It is not when
/// one of them was taken over and then made here, and something else came out.
bool has_layers_of_inputs(const Store& store, const StepRecord& record, const EnvironmentId& id) {
  try {
    const auto environment = find_environment(store, id);
    if (!environment || environment->step != record.step.key()) return true;
    std::vector<LayerId> layers;
    for (const auto& input : record.step.inputs) {
      const auto found = store.record(input);
      if (!found) return true;
      if (const auto* output = std::get_if<LayerOutput>(&found->output)) layers.push_back(output->layer);
    }
    return distinct_layers(layers) == environment->layers;
  } catch (const StoreError&) {
    return true;  // damage, which is told elsewhere
  }
}

}  // namespace

std::string missing_output(const Store& store, const StepRecord& record) {
  if (auto* output = std::get_if<BlobOutput>(&record.output)) {
    return store.has_blob(output->blob) ? "" : fmt::format("blob {}", output->blob.hex());
  }
  if (auto* output = std::get_if<LayerOutput>(&record.output)) {
    return store.has_layer(output->layer) ? "" : fmt::format("layer {}", output->layer.hex());
  }
  const auto& id = std::get<EnvironmentOutput>(record.output).environment;
  struct stat status{};
  if (::lstat(store.environment_path(id).c_str(), &status) != 0) return fmt::format("environment {}", id.hex());
  return has_layers_of_inputs(store, record, id) ? "" : fmt::format("environment {} of these layers", id.hex());
}

}  // namespace karapace::store
