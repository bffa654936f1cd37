// SPDX-License-Identifier: Apache-2.0
#include "store/repair.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "store/environment.hpp"

namespace karapace::store {

namespace {

class Repairing {
 public:
  Repairing(const Store& store, VerifyReport& report) : store_(store), report_(report) {}

  void run() {
    auto lock = store_.lock_contents(LOCK_EX);
    for (auto& problem : report_.problems) {
      if (problem.kind != ObjectKind::instance) problem.repaired = set_aside(directory_of(problem), problem.name);
      if (problem.kind == ObjectKind::record) remade(problem.name);
    }
    remove_broken_environments();
    remove_broken_records();
    for (auto& problem : report_.problems) {
      if (problem.kind == ObjectKind::instance) problem.repaired = restore_instance(store_, problem.name);
    }
    std::sort(report_.to_be_remade.begin(), report_.to_be_remade.end());
  }

 private:
  static const char* directory_of(const Problem& problem) {
    switch (problem.kind) {
      case ObjectKind::blob: return "blobs";
      case ObjectKind::layer: return "layers";
      case ObjectKind::record: return "steps";
      case ObjectKind::environment: return "environments";
      case ObjectKind::root: return "roots";
      case ObjectKind::instance: return "instances";
      case ObjectKind::stray: return "";
    }
    return "";
  }

  void remade(const std::string& name) {
    if (auto key = StepKey::from_hex(name)) report_.to_be_remade.push_back(*key);
  }

  /// Moves directory/name away; true when it has no longer its name.
  bool set_aside(const std::string& directory, const std::string& name) const {
    auto quarantine = store_.root() / "quarantine";
    make_directory_if_missing(quarantine, 0700);
    auto from = store_.root() / directory / name;
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

  void remove_broken_environments() const {
    for (const auto& environment : environments(store_)) {
      bool whole = store_.has_blob(environment.lock);
      for (const auto& layer : environment.layers) whole = whole && store_.has_layer(layer);
      if (!whole) set_aside("environments", environment.id.hex());
    }
  }

  /// Records whose output is no longer there.
  void remove_broken_records() {
    for (const auto& name : names_in(store_.root() / "steps")) {
      auto key = StepKey::from_hex(name);
      auto record = key ? readable_record(*key) : std::nullopt;
      if (!record || missing_output(store_, *record).empty()) continue;
      set_aside("steps", name);
      remade(name);
    }
  }

  /// One that was damaged since the check is left to the next check.
  std::optional<StepRecord> readable_record(const StepKey& key) const {
    try {
      return store_.record(key);
    } catch (const StoreError&) {
      return std::nullopt;
    }
  }

  const Store& store_;
  VerifyReport& report_;
};

}  // namespace

void repair_store(const Store& store, VerifyReport& report) { Repairing(store, report).run(); }

std::string missing_output(const Store& store, const StepRecord& record) {
  if (auto* output = std::get_if<BlobOutput>(&record.output)) {
    return store.has_blob(output->blob) ? "" : fmt::format("blob {}", output->blob.hex());
  }
  if (auto* output = std::get_if<LayerOutput>(&record.output)) {
    return store.has_layer(output->layer) ? "" : fmt::format("layer {}", output->layer.hex());
  }
  const auto& id = std::get<EnvironmentOutput>(record.output).environment;
  struct stat status{};
  return ::lstat(store.environment_path(id).c_str(), &status) == 0 ? "" : fmt::format("environment {}", id.hex());
}

}  // namespace karapace::store
