// SPDX-License-Identifier: Apache-2.0
// Manifests: the documents that name what an image consists of (OCI image spec 1.1, manifest.md and image-index.md).
//
// A manifest is its bytes: they are kept as they came, because their digest is its name. What they say is a value of
// its own, ImageManifest or ImageIndex, for either OCI's or docker's types.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "remote/oci/content_digest.hpp"
#include "remote/oci/descriptor.hpp"

namespace karapace::oci {

/// No manifest is longer. Registries take at least 4 MiB (distribution spec, "Pushing Manifests").
inline constexpr std::size_t longest_manifest = std::size_t{8} << 20;

struct Manifest {
  std::string media_type;
  std::string bytes;
  ContentDigest digest = digest_of(bytes);
  Descriptor descriptor() const { return {.media_type = media_type, .digest = digest, .size = bytes.size()}; }
};

/// `declared`: the type that the server or the descriptor said; what follows a ";" does not count, and "" and the types
/// of bytes of any kind say nothing. RemoteError that begins with `what` when it disagrees with what the document says
/// of itself, when neither says anything, or when it is of no type that is understood.
Manifest manifest_of(std::string bytes, std::string_view declared, std::string_view what);

struct ImageManifest {
  std::string media_type = std::string(media_type::manifest);
  std::string artifact_type = {};
  Descriptor config;
  std::vector<Descriptor> layers = {};
  std::optional<Descriptor> subject = {};
  Annotations annotations = {};
  bool operator==(const ImageManifest&) const = default;
};

struct ImageIndex {
  std::string media_type = std::string(media_type::index);
  std::string artifact_type = {};
  std::vector<Descriptor> manifests = {};
  std::optional<Descriptor> subject = {};
  Annotations annotations = {};
  bool operator==(const ImageIndex&) const = default;
};

using ManifestContent = std::variant<ImageManifest, ImageIndex>;
/// RemoteError that begins with `what` when it breaks the spec: another schema version, a manifest with "manifests" or
/// an index with "layers" (CVE-2021-41190), sizes or digests that are none, embedded data with another digest.
ManifestContent parse(const Manifest& manifest, std::string_view what);
/// The same of one that has to be of this kind; RemoteError else.
ImageManifest parse_image(const Manifest& manifest, std::string_view what);
ImageIndex parse_index(const Manifest& manifest, std::string_view what);

/// Compact JSON, the same bytes for the same value.
Manifest write(const ImageManifest& manifest);
Manifest write(const ImageIndex& index);

/// A descriptor of `manifest` as lists of referrers have it: with its annotations, and the type of its artifact, which
/// is its config's unless it says otherwise (distribution spec, "Listing Referrers"). And what it refers to, if it
/// does.
struct Referral {
  Descriptor referrer;
  std::optional<Descriptor> subject;
};
Referral referral(const Manifest& manifest, std::string_view what);

/// The manifest of `index` for a platform: the first one of that system and architecture with its variant, where ARM's
/// usual variants go without saying and lesser ones run as well. Nothing when there is none.
std::optional<Descriptor> choose(const ImageIndex& index, const Platform& wanted);

}  // namespace karapace::oci
