// SPDX-License-Identifier: Apache-2.0
#include "runtime/sandbox/owner_tracker.hpp"

namespace karapace::runtime {
void OwnerTracker::answer() noexcept {}
}  // namespace karapace::runtime
