// SPDX-License-Identifier: Apache-2.0
// The layers of an environment, as its step's inputs give them.
#pragma once

#include <vector>

#include "store/identifiers.hpp"

namespace karapace::store {

/// Bottom first, each once: a layer that several inputs made counts where it is highest, as what lies lower is hidden
/// by it. Images of docker have an empty layer several times.
std::vector<LayerId> distinct_layers(const std::vector<LayerId>& layers);

}  // namespace karapace::store
