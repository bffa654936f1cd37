// SPDX-License-Identifier: Apache-2.0
// Hard-link groups in canonical form.
#pragma once

#include <vector>

#include "store/listing.hpp"

namespace karapace::trees {

/// Takes entries whose hard links name any regular file among them, and gives the listing in which each group's first
/// path is the regular file and all others point to it.
store::Listing canonical_hardlinks(std::vector<store::Entry> entries);

}  // namespace karapace::trees
