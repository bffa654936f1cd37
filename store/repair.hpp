// SPDX-License-Identifier: Apache-2.0
// Repairing a store: the part of verify-store that changes something, and the checks it shares with the other part.
#pragma once

#include <string>
#include <vector>

#include "store/verify.hpp"

namespace karapace::store {

/// Moves what is damaged to quarantine/, with the records that lead to it and, downstream, everything that steps made
/// of it: their records, and their outputs unless a step of other inputs made the same. All in one moment under the
/// exclusive contents lock. Writes instances' records anew. What could not be checked stays. Fills in what it did.
void repair_store(const Store& store, VerifyReport& report);

/// Whether the step has a record that is whole and whose output is in the store.
bool has_usable_record(const Store& store, const StepKey& key);
/// Takes out of use those of the records that are damaged or whose output is not in the store, so that ninja runs their
/// steps again. Returns their keys.
std::vector<StepKey> forget_lost_outputs(const Store& store, const std::vector<StepKey>& keys);

/// "blob 3f9c...", when the record's output is not in the store; empty when it is. An environment that is made of other
/// layers than the records of its step's inputs say is not the output.
std::string missing_output(const Store& store, const StepRecord& record);
/// The same, but empty where the output is absent and nobody misses it (absent.hpp).
std::string lost_output(const Store& store, const StepRecord& record);

/// Reads `roots/<name>` and `instances/<name>`; StoreError when it is damaged. Missing is fine.
void check_root(const Store& store, const std::string& name);
void check_instance(const Store& store, const std::string& name);

/// What is damaged of an instance's records, their second copies and its snapshots, as paths below it. `options` are
/// those of the scans of snapshots.
std::vector<DamagedPath> damaged_parts(const std::filesystem::path& instance, const ScanOptions& options);
/// Makes the two copies of each of its records equal again; false where both are damaged.
bool restore_instance_copies(const std::filesystem::path& instance);

/// Writes the records of the instance anew of which both copies are damaged (instance_salvage.cpp). Returns what people
/// should know: what had to be assumed, and what nothing tells any more.
std::vector<std::string> restore_instance(const Store& store, const std::string& name);
/// The environments that the instance needs and that are not in the store, sorted.
std::vector<EnvironmentId> lost_environments(const Store& store, const std::string& instance);

}  // namespace karapace::store
