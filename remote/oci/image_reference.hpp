// SPDX-License-Identifier: Apache-2.0
// ImageReference: what people call an image in a registry, "registry.example:5000/team/dev:1@sha256:…".
//
// The grammar is that of the distribution spec 1.1 ("Pulling manifests": names and tags) and of docker, whose defaults
// hold too: a first part without "." and ":" that is not "localhost" is no host but belongs to a name on docker.io, and
// a name of one word there is below "library/". Nothing is repaired: what is not well-formed is refused with its
// reason.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "remote/oci/content_digest.hpp"

namespace karapace::oci {

/// At most 128 letters, digits, "_", "." and "-", the first one neither "." nor "-".
class Tag {
 public:
  static std::optional<Tag> parse(std::string_view text);
  const std::string& text() const noexcept { return text_; }
  auto operator<=>(const Tag&) const = default;

 private:
  explicit Tag(std::string_view text) : text_(text) {}
  std::string text_;
};

/// How a manifest is asked for: by a tag, which may move, or by the digest of its bytes.
using ManifestName = std::variant<Tag, ContentDigest>;
std::string text(const ManifestName& name);

/// Words of lower-case letters and digits, joined by ".", "_", "__" or hyphens; parts joined by "/".
bool is_repository_name(std::string_view text) noexcept;

struct ImageReference {
  std::string registry;    // "registry.example:5000", "[::1]:5000", "docker.io"; host names in lower case
  std::string repository;  // "team/dev"
  std::optional<Tag> tag;
  std::optional<ContentDigest> digest;

  /// With or without "oci:" before it, which always is that prefix, never a host. RemoteError naming what is wrong.
  static ImageReference parse(std::string_view text);
  /// The digest where there is one, else the tag, else "latest".
  ManifestName name() const;
  /// In full: parse(text()) is the same value.
  std::string text() const;
  auto operator<=>(const ImageReference&) const = default;
};

}  // namespace karapace::oci
