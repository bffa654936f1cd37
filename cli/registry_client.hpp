// SPDX-License-Identifier: Apache-2.0
// karapace-registry as commands use it: what must be asked of registries and caches (exchange/request.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.hpp"
#include "exchange/cache_list.hpp"
#include "store/identifiers.hpp"

namespace karapace::cli {

/// Its answer; throws the error that it reports. Progress and warnings go to our standard error.
std::string ask_registry(const Context& context, std::string_view verb, std::string_view request);

/// The caches that this user has configured, in the order in which they are asked.
std::vector<exchange::Cache> configured_caches();

/// Their places.
std::vector<std::string> cache_locations();
/// Where the layers are that this user has sent (exchange/sent_blobs.hpp).
std::filesystem::path sent_blobs_file(const Context& context);
/// For people, of blobs that needed not be sent: "3 there already, 2 of another repository".
std::string not_sent_text(std::uint64_t present, std::uint64_t mounted);

/// Takes the environment from a cache when one has it and is believed, and says so. False when none has.
/// `step`: that makes it.
bool take_from_caches(const Context& context, const std::string& name, const EnvironmentId& environment,
                      const StepKey& step);

/// "oci-layout:/net/cache" for a directory as a person names it ("/net/cache", "./cache", "file:///net/cache"),
/// whatever else is local with its whole path, and any other place as it is. UsageError when it names one image.
std::string cache_location(std::string_view word);

/// The place of the cache that was configured under this name, else the word as a place.
std::string place_of_cache(const std::string& word);

}  // namespace karapace::cli
