// SPDX-License-Identifier: Apache-2.0
// Descriptor: bytes somewhere else, by type, digest and size (OCI image spec 1.1, descriptor.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/content_digest.hpp"

namespace karapace::oci {

/// The types of documents and layers that are understood (image spec, media-types.md; docker's "image manifest v2,
/// schema 2" with the type that stands for the same thing there).
namespace media_type {
inline constexpr std::string_view manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view empty = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view layer_tar = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view layer_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view layer_zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_index = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view docker_layer_tar = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view docker_layer_gzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}  // namespace media_type

bool is_manifest_type(std::string_view media_type) noexcept;
bool is_index_type(std::string_view media_type) noexcept;

using Annotations = std::map<std::string, std::string>;
/// The tag of an image in a layout (image spec, annotations.md).
inline constexpr std::string_view reference_annotation = "org.opencontainers.image.ref.name";

/// What a manifest in an index is for (image-index.md, "platform"), in Go's words: "linux", "amd64", "v8".
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant = {};
  std::string os_version = {};
  std::vector<std::string> os_features = {};
  bool operator==(const Platform&) const = default;
};
/// "linux/arm64/v8"
std::string text(const Platform& platform);

struct Descriptor {
  std::string media_type;
  ContentDigest digest;
  std::uint64_t size = 0;
  std::string artifact_type = {};
  Annotations annotations = {};
  std::optional<Platform> platform = {};
  std::optional<std::string> data = {};  // the bytes themselves, embedded; verified when it was read
  bool operator==(const Descriptor&) const = default;
};

/// The descriptor of bytes at hand.
Descriptor describe(std::string_view media_type, std::string_view bytes);

}  // namespace karapace::oci
