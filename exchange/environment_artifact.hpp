// SPDX-License-Identifier: Apache-2.0
// EnvironmentArtifact: what travels with an environment through registries, as an OCI artifact (image spec 1.1,
// "Guidelines for Artifact Usage").
//
// Its manifest names, in this order: the records of its steps, its canonical lock, signatures, and each of its layers
// as a blob that any tool can unpack. Nothing in it is believed for standing there: the records count when trusted keys
// have signed them, the lock has the environment's id as its digest, and a layer must unpack to the layer that the
// records name.
//
// In a cache each signer has a tag of its own for an environment, so writers never take each other's away. Beside an
// image it is a referrer of the image.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/environment_image.hpp"
#include "remote/oci/image_manifest.hpp"
#include "remote/oci/image_reference.hpp"
#include "store/identifiers.hpp"

namespace karapace::exchange {

inline constexpr std::string_view environment_artifact_type = "application/vnd.karapace.environment.v1";
inline constexpr std::string_view records_media_type = "application/vnd.karapace.records.v1+zstd";
inline constexpr std::string_view lock_media_type = "application/vnd.karapace.lock.v1+json";
inline constexpr std::string_view envelope_media_type = "application/vnd.dsse.envelope.v1+json";
/// Annotations: of the artifact (and of images) the environment, of a blob its layer, of the artifact when it was
/// pushed.
using image::environment_annotation, image::layer_annotation;
inline constexpr std::string_view pushed_annotation = "org.karapace.pushed";

/// The longest signature, in bytes: a statement names an environment's layers and where its packages are from.
inline constexpr std::size_t longest_envelope = std::size_t{4} << 20;
inline constexpr std::size_t most_envelopes = 16;
/// The longest lock: some 100,000 packages.
inline constexpr std::size_t longest_lock = std::size_t{64} << 20;

struct PackedLayer {
  LayerId layer;
  oci::Descriptor blob;
  bool operator==(const PackedLayer&) const = default;
};

struct EnvironmentArtifact {
  EnvironmentId environment;
  oci::Descriptor records;
  oci::Descriptor lock;
  std::vector<oci::Descriptor> envelopes;                 // with their bytes, where these are short
  std::vector<PackedLayer> layers;                        // each once
  std::optional<oci::Descriptor> subject = std::nullopt;  // the image
  oci::Annotations annotations = {};                      // besides the environment's
  bool operator==(const EnvironmentArtifact&) const = default;
};

/// What an image or an artifact says that it is of.
std::optional<EnvironmentId> environment_in(const oci::Annotations& annotations);

oci::ImageManifest manifest_of(const EnvironmentArtifact& artifact);
/// RemoteError that begins with `what` when it is not the artifact of an environment.
EnvironmentArtifact artifact_of(const oci::ImageManifest& manifest, std::string_view what);

/// The packages of an environment, kept so that its lock can be installed when no mirror has them any more.
inline constexpr std::string_view sources_artifact_type = "application/vnd.karapace.sources.v1";
oci::ImageManifest manifest_of_sources(const EnvironmentId& environment, std::vector<oci::Descriptor> packages);
/// "3f9c…-sources"; parse_cache_tag knows it, with that word in the place of a key's id.
oci::Tag sources_tag(const EnvironmentId& environment);

/// The tag in a cache: the environment's id and the signer's key id, "3f9c…-0a1b2c3d4e5f6071".
oci::Tag cache_tag(const EnvironmentId& environment, std::string_view key_id);
/// What such a tag says; nothing of another tag.
struct CacheTag {
  EnvironmentId environment;
  std::string key_id;
};
std::optional<CacheTag> parse_cache_tag(const oci::Tag& tag);

}  // namespace karapace::exchange
