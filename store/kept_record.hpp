// SPDX-License-Identifier: Apache-2.0
// Kept records: sealed JSON about what can not be made again. Each lies there twice, as NAME and NAME.copy, both forced
// to the disk, so that a damaged one is brought back. Readers believe the first one only.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/durable_file.hpp"

namespace karapace::store {

/// Replaces the record and then its copy. `json` is without a seal. Durable::no is for what has no name in the store
/// yet, and is forced to the disk with all that is around it before it gets one.
void write_kept_record(const std::filesystem::path& path, std::string_view json, Durable durable = Durable::yes);
/// A damaged one of the two is written anew from the other, and both where they are damaged in different places. False
/// when that does not tell what they said.
bool restore_kept_record(const std::filesystem::path& path);
/// What both copies hold, damaged as they are: digests and paths in it can be proven otherwise.
std::string remains_of_record(const std::filesystem::path& path);

}  // namespace karapace::store
