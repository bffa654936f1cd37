// SPDX-License-Identifier: Apache-2.0
// What a person can not make again has two copies of its records, and snapshots have listings: both are compared.
#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>

#include "base/call_error.hpp"
#include "base/directory.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/json/seal.hpp"
#include "store/instance.hpp"
#include "store/kept_record.hpp"
#include "store/repair.hpp"

namespace karapace::store {

namespace {

constexpr std::array generations = {"current", "previous", "next"};

/// Below the instance; those of parts that are not there are left out.
std::vector<std::filesystem::path> kept_records(const std::filesystem::path& instance) {
  std::vector<std::filesystem::path> records = {"instance.json"};
  for (const std::filesystem::path name : generations) {
    if (std::filesystem::is_directory(instance / name)) records.push_back(name / "generation.json");
  }
  for (const std::filesystem::path name : names_in(instance / "snapshots"))
    records.push_back("snapshots" / name / "snapshot.json");
  return records;
}

class InstanceCheck {
 public:
  InstanceCheck(const std::filesystem::path& instance, const ScanOptions& options)
      : instance_(instance), options_(options) {}

  std::vector<DamagedPath> run() {
    require_part("lock");
    require_part("snapshots");
    for (const std::filesystem::path name : generations) {
      if (name != "current" && !std::filesystem::is_directory(instance_ / name)) continue;
      require_part(name / "upper");
      require_part(name / "work");
    }
    for (const auto& record : kept_records(instance_)) {
      check_record(record);
      check_record(record.native() + ".copy");
    }
    for (const auto& name : names_in(instance_ / "snapshots")) check_snapshot(name);
    std::sort(damaged_.begin(), damaged_.end());
    return std::move(damaged_);
  }

 private:
  void add(const std::filesystem::path& path, std::string reason) {
    damaged_.push_back({escaped_utf8(path.native()), std::move(reason)});
  }

  void require_part(const std::filesystem::path& path) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(instance_ / path))) add(path, "missing");
  }

  void check_record(const std::filesystem::path& path) {
    const auto text = read_file_if_exists(instance_ / path);
    if (!text) return add(path, "missing");
    try {
      unsealed(*text);
    } catch (const std::invalid_argument& error) {
      add(path, error.what());
    }
  }

  void check_snapshot(const std::string& name) {
    const auto directory = std::filesystem::path("snapshots") / name;
    const auto id = LayerId::from_hex(name);
    if (!id) return add(directory, "it does not belong there");
    const auto text = read_file_if_exists(instance_ / directory / "listing");
    if (!text || LayerId(blake3(*text)) != *id)
      return add(directory / "listing", text ? "its digest is another" : "missing");
    const auto expected = Listing::parse(*text, "the listing of a snapshot");
    const auto tree = open_if_exists(AT_FDCWD, instance_ / directory / "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!tree) return add(directory / "tree", "missing");
    auto options = options_;
    options.times = expected.format() > 1 ? Times::nanoseconds : Times::seconds;
    for (const auto& path : differences(expected, scan(tree->get(), options)))
      damaged_.push_back({escaped_utf8((directory / "tree").native()) + "/" + path.path, path.reason});
  }

  const std::filesystem::path& instance_;
  const ScanOptions& options_;
  std::vector<DamagedPath> damaged_;
};

}  // namespace

std::vector<DamagedPath> damaged_parts(const std::filesystem::path& instance, const ScanOptions& options) {
  return InstanceCheck(instance, options).run();
}

std::vector<EnvironmentId> lost_environments(const Store& store, const std::string& instance) {
  const auto needs = needs_of_instance(store, instance);
  if (!needs) return {};
  auto lost = needs->environments;
  std::sort(lost.begin(), lost.end());
  lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
  std::erase_if(lost, [&](const EnvironmentId& id) {
    return std::filesystem::exists(std::filesystem::symlink_status(store.environment_path(id)));
  });
  return lost;
}

bool restore_instance_copies(const std::filesystem::path& instance) {
  bool whole = true;
  for (const auto& record : kept_records(instance)) whole = restore_kept_record(instance / record) && whole;
  return whole;
}

}  // namespace karapace::store
