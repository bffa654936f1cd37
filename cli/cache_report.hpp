// SPDX-License-Identifier: Apache-2.0
// Caches as commands show them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "exchange/cache_list.hpp"
#include "proof/signing/trust.hpp"

namespace karapace::cli {

/// Its keys, read. Error naming the cache when one is none.
signing::Trust exchange_trust(const exchange::Cache& cache);
nlohmann::json cache_json(const exchange::Cache& cache);

}  // namespace karapace::cli
