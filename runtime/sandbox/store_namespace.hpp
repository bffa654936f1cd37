// SPDX-License-Identifier: Apache-2.0
// The user namespace for work on a store's trees: of the one id mode that the store is for (store/store_identity.hpp).
#pragma once

#include "runtime/sandbox/id_mode.hpp"
#include "store/store.hpp"

namespace karapace::sandbox {

/// Chooses the mode (plan_ids) and has the store note or compare it. StoreError when its trees are of another.
IdPlan plan_ids_for(const store::Store& store);
/// The same, and moves the calling, single-threaded process into such a user namespace.
IdMode enter_namespace_for(const store::Store& store);

}  // namespace karapace::sandbox
