// SPDX-License-Identifier: Apache-2.0
// What things in the store are called by.
#pragma once

#include "base/digest.hpp"
#include "store/identifiers.hpp"

namespace karapace {

using BlobId = Identifier<struct BlobTag>;                // BLAKE3 of the bytes
using LayerId = Identifier<struct LayerTag>;              // BLAKE3 of the canonical listing
using StepKey = Identifier<struct StepTag>;               // BLAKE3 of the step's canonical encoding
using EnvironmentId = Identifier<struct EnvironmentTag>;  // BLAKE3 of the canonical lock

}  // namespace karapace
