// SPDX-License-Identifier: Apache-2.0
// Repairing a store: the part of verify-store that changes something, and the checks it shares with the other part.
#pragma once

#include <string>

#include "store/verify.hpp"

namespace karapace::store {

/// Moves what is damaged, and the records that lead to it, to quarantine/, in one moment under the exclusive contents
/// lock; writes instances' records anew. Fills in what it did.
void repair_store(const Store& store, VerifyReport& report);

/// "blob 3f9c...", when the record's output is not in the store; empty when it is.
std::string missing_output(const Store& store, const StepRecord& record);

/// Reads `roots/<name>` and `instances/<name>`; StoreError when it is damaged. Missing is fine.
void check_root(const Store& store, const std::string& name);
void check_instance(const Store& store, const std::string& name);

/// Writes the damaged record of the instance anew from what the environments and roots tell. False when they do not
/// tell which environment it was.
bool restore_instance(const Store& store, const std::string& name);

}  // namespace karapace::store
