// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/base_image.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "remote/oci/image_reference.hpp"

namespace karapace::manifest {

namespace {

struct Image {
  std::string_view word;
  std::string_view distribution;
  std::string_view suite;
};

constexpr std::array<Image, 16> images = {{
    {"debian/bookworm", "debian", "bookworm"},
    {"debian/trixie", "debian", "trixie"},
    {"debian/sid", "debian", "sid"},
    {"debian/12", "debian", "bookworm"},
    {"debian/13", "debian", "trixie"},
    {"debian/unstable", "debian", "sid"},
    {"ubuntu/jammy", "ubuntu", "jammy"},
    {"ubuntu/noble", "ubuntu", "noble"},
    {"ubuntu/plucky", "ubuntu", "plucky"},
    {"ubuntu/questing", "ubuntu", "questing"},
    {"ubuntu/resolute", "ubuntu", "resolute"},
    {"ubuntu/22.04", "ubuntu", "jammy"},
    {"ubuntu/24.04", "ubuntu", "noble"},
    {"ubuntu/25.04", "ubuntu", "plucky"},
    {"ubuntu/25.10", "ubuntu", "questing"},
    {"ubuntu/26.04", "ubuntu", "resolute"},
}};

constexpr std::string_view registry_image = "oci:";
constexpr std::array<std::string_view, 3> local_images = {"oci-layout:", "oci-archive:", "docker-archive:"};

constexpr auto words = [] {
  std::array<std::string_view, images.size()> all{};
  for (std::size_t i = 0; i < images.size(); ++i) all[i] = images[i].word;
  return all;
}();

}  // namespace

std::optional<BaseSuite> suite_from(std::string_view image) {
  auto found = std::find_if(images.begin(), images.end(), [&](const Image& known) { return known.word == image; });
  if (found == images.end()) return std::nullopt;
  return BaseSuite{std::string(found->distribution), std::string(found->suite)};
}

bool names_moving_suite(std::string_view image) noexcept {
  constexpr std::array<std::string_view, 10> moving = {
      "debian/stable", "debian/oldstable", "debian/oldoldstable", "debian/testing", "debian/latest",
      "ubuntu/latest", "ubuntu/lts",       "ubuntu/devel",        "ubuntu/rolling", "ubuntu/stable"};
  return std::find(moving.begin(), moving.end(), image) != moving.end();
}

bool names_archive(std::string_view image) noexcept {
  constexpr std::array<std::string_view, 6> endings = {".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](auto ending) { return image.size() > ending.size() && image.ends_with(ending); });
}

bool is_local_image(std::string_view location) noexcept {
  return std::any_of(local_images.begin(), local_images.end(),
                     [&](auto prefix) { return location.starts_with(prefix); });
}

bool names_image(std::string_view image) noexcept { return image.starts_with(registry_image) || is_local_image(image); }

std::string image_location(std::string_view image) {
  if (!is_local_image(image)) {
    try {
      return std::string(registry_image) + oci::ImageReference::parse(image).text();
    } catch (const RemoteError& error) {
      throw ManifestError(error.what());
    }
  }
  if (image.ends_with(':')) throw ManifestError(fmt::format("\"{}\" names no file", image));
  return std::string(image);
}

bool is_url(std::string_view location) noexcept {
  return location.starts_with("http://") || location.starts_with("https://");
}

std::span<const std::string_view> known_images() noexcept { return words; }

std::string text(const Base& base) {
  if (auto* suite = std::get_if<BaseSuite>(&base)) return suite->distribution + "/" + suite->suite;
  if (auto* image = std::get_if<BaseImage>(&base)) return image->location;
  return "sha256:" + std::get<BaseArchive>(base).sha256.hex();
}

}  // namespace karapace::manifest
