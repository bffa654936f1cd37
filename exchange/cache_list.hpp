// SPDX-License-Identifier: Apache-2.0
// CacheList: which caches this user has, and whose signatures count there: `$XDG_CONFIG_HOME/karapace/caches.json`.
//
// A cache is a place with images (remote/oci/image_location.hpp): a registry's repository, a directory, a web server.
// It is believed nothing. What it says of an environment counts when at least `agree` of `keys` have signed the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace karapace::exchange {

struct Cache {
  std::string name;               // letters, digits, "_", "." and "-"; the first a letter or digit
  std::string location;           // "oci:registry.example/team/cache", "oci-layout:/net/cache", "https://..."
  std::vector<std::string> keys;  // public keys, as `karapace key show` prints them; none: only pushed to
  std::uint32_t agree = 1;        // how many of them have to say the same
  bool operator==(const Cache&) const = default;
};

/// Beside the user's config.toml.
std::filesystem::path cache_list_file(const std::filesystem::path& configuration);

/// In the order in which they are asked. None without the file. Error naming file, line and column when it is not as
/// `change_caches` writes it.
std::vector<Cache> read_caches(const std::filesystem::path& file);
/// Whole or not at all, for this user alone; nobody else changes it meanwhile. What `change` throws leaves it as it is.
void change_caches(const std::filesystem::path& file, const std::function<void(std::vector<Cache>&)>& change);

/// Why it can not be the name of a cache; empty when it can.
std::string judge_cache_name(std::string_view name);

}  // namespace karapace::exchange
