// SPDX-License-Identifier: Apache-2.0
// The fallback tag: where a repository that can not list referrers keeps an index of them (distribution spec 1.1,
// "Referrers Tag Schema"). Registries that are older than 1.1 are used like that, and layouts.
//
// Two who write it at once can lose one of their entries, as the spec says; so it is read again after it was written,
// and written again when the entry is not there.
#pragma once

#include <vector>

#include "remote/oci/image_repository.hpp"

namespace karapace::oci {

/// "sha256-4bf5…"; of sha512 its first 64 digits.
Tag fallback_tag(const ContentDigest& subject);
/// What it lists; nothing when there is no such tag, or it is no index.
std::vector<Descriptor> fallback_referrers(ImageRepository& repository, const ContentDigest& subject);
/// RemoteError when the tag is there and is no index: somebody uses it for something else.
void add_fallback_referrer(ImageRepository& repository, const ContentDigest& subject, const Descriptor& referrer);
void remove_fallback_referrer(ImageRepository& repository, const ContentDigest& subject, const ContentDigest& referrer);

/// Those of an artifact's type; all when it is empty.
std::vector<Descriptor> of_artifact_type(std::vector<Descriptor> referrers, std::string_view artifact_type);

}  // namespace karapace::oci
