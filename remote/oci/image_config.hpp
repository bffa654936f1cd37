// SPDX-License-Identifier: Apache-2.0
// ImageConfig: how an image is run, and what its layers unpack to (OCI image spec 1.1, config.md).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/content_digest.hpp"
#include "remote/oci/descriptor.hpp"

namespace karapace::oci {

/// No configuration is longer; docker's own bound is 8 MiB, too.
inline constexpr std::size_t longest_config = std::size_t{8} << 20;

struct HistoryEntry {
  std::string created = {};  // RFC 3339; "": not said
  std::string created_by = {};
  std::string comment = {};
  bool empty_layer = false;
  bool operator==(const HistoryEntry&) const = default;
};

struct ImageConfig {
  Platform platform;
  std::string created = {};  // RFC 3339; "": not said
  std::string author = {};
  std::string user = {};
  std::vector<std::string> variables = {};  // NAME=VALUE
  std::vector<std::string> entry_point = {};
  std::vector<std::string> command = {};
  std::string working_directory = {};
  std::map<std::string, std::string> labels = {};
  std::vector<std::string> exposed_ports = {};
  std::vector<std::string> volumes = {};
  std::string stop_signal = {};
  std::vector<ContentDigest> diff_ids = {};  // of the layers' plain tar archives, lowest first
  std::vector<HistoryEntry> history = {};
  bool operator==(const ImageConfig&) const = default;
};

/// RemoteError that begins with `what` when it breaks the spec. Fields beyond those are passed over.
ImageConfig parse_config(std::string_view bytes, std::string_view what);
/// Compact JSON, the same bytes for the same value.
std::string write(const ImageConfig& config);

}  // namespace karapace::oci
