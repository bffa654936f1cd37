// SPDX-License-Identifier: Apache-2.0
// What a tree of an archive must be like, so that environments with it can be used.
#pragma once

#include <string>

#include "store/listing.hpp"

namespace karapace::steps {

/// StepError with the label when the tree has something in a place that every sandbox mounts on, or that everybody
/// reads, that makes this impossible: told here rather than to whoever uses the environment first.
void require_usable_root(const store::Listing& layer, const std::string& label);

}  // namespace karapace::steps
