// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/descriptor.hpp"

#include <fmt/format.h>

namespace karapace::oci {

bool is_manifest_type(std::string_view type) noexcept {
  return type == media_type::manifest || type == media_type::docker_manifest;
}

bool is_index_type(std::string_view type) noexcept {
  return type == media_type::index || type == media_type::docker_index;
}

std::string text(const Platform& platform) {
  auto text = fmt::format("{}/{}", platform.os, platform.architecture);
  return platform.variant.empty() ? text : fmt::format("{}/{}", text, platform.variant);
}

Descriptor describe(std::string_view media_type, std::string_view bytes) {
  return {.media_type = std::string(media_type), .digest = digest_of(bytes), .size = bytes.size()};
}

}  // namespace karapace::oci
