// SPDX-License-Identifier: Apache-2.0
#include "cli/cache_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "proof/signing/key_files.hpp"

namespace karapace::cli {

signing::Trust exchange_trust(const exchange::Cache& cache) {
  signing::Trust trust{.keys = {}, .agree = cache.agree};
  for (const auto& key : cache.keys)
    trust.keys.push_back(signing::parse_public_key(key, fmt::format("the cache {}", cache.name)));
  return trust;
}

nlohmann::json cache_json(const exchange::Cache& cache) {
  auto keys = nlohmann::json::array();
  for (const auto& key : exchange_trust(cache).keys) keys.push_back({{"key", key.key.id().hex()}, {"name", key.name}});
  return {{"agree", cache.agree},
          {"keys", std::move(keys)},
          {"location", escaped_utf8(cache.location)},
          {"name", cache.name}};
}

}  // namespace karapace::cli
