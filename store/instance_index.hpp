// SPDX-License-Identifier: Apache-2.0
// The index of instances: what the records of all of them say, in one file, so that `karapace list` opens no thousands.
//
// `instances.index` has for each instance the numbers, sizes and times of change of its directory, its record, those of
// its generations and the list of its sessions, and what they said. An instance counts there only while all are as it
// says; every other is read. root_index.cpp has the argument why a change can not be overlooked: a line is kept only
// when all its times are before one that the file system's clock gave before the files were looked at, and whatever is
// written, replaced or exchanged later has a later time or is another file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/instance.hpp"

namespace karapace::store {

struct IndexedInstance {
  Instance instance;
  std::string sessions;  // what its file `session` has
};

struct IndexedInstances {
  std::vector<IndexedInstance> whole;
  std::vector<DamagedInstance> damaged;
};

/// As `instances`, for those who only tell of them: a record that a failing disk altered behind the file system's back
/// still says there what it said.
IndexedInstances indexed_instances(const Store& store);

// What records say, without their seals, for the index.

/// Of the record alone, without the generations.
std::string instance_text(const Instance& instance);
Instance instance_from(std::string_view text);
constexpr const char* instance_record = "instance.json";

std::string generation_text(const Generation& generation);
Generation generation_from(std::string_view text);
constexpr const char* generation_record = "generation.json";

/// With how many threads so many are looked at.
unsigned threads_for_instances(std::size_t count);
/// The instance of this directory, in the open directory of all. Nothing when there is none; StoreError when it is
/// damaged.
std::optional<Instance> read_instance(int all, const std::filesystem::path& directory);

}  // namespace karapace::store
