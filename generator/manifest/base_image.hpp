// SPDX-License-Identifier: Apache-2.0
// Base images: the words that `[base] image` may be.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "generator/manifest/manifest.hpp"

namespace karapace::manifest {

/// "debian/bookworm", "ubuntu/24.04", ...: the suite of a distribution, by its code name or version; else nothing.
std::optional<BaseSuite> suite_from(std::string_view image);
/// Whether people know the word for a suite, but for another one every few years: "debian/stable".
bool names_moving_suite(std::string_view image) noexcept;
/// Whether the word names a root file system archive: by its ending (.tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.zst).
bool names_archive(std::string_view image) noexcept;
/// Whether the word names an image: by what it begins with (oci:, oci-layout:, oci-archive:, docker-archive:).
bool names_image(std::string_view image) noexcept;
/// The image's location in full; ManifestError with what is wrong.
std::string image_location(std::string_view image);
/// Whether an image is in files, not in a registry: "oci-archive:PATH".
bool is_local_image(std::string_view location) noexcept;
/// Whether it is an http or https URL.
bool is_url(std::string_view location) noexcept;
/// Every word that `suite_from` knows.
std::span<const std::string_view> known_images() noexcept;

}  // namespace karapace::manifest
