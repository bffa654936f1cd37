// SPDX-License-Identifier: Apache-2.0
#include "generator/manifest/base_image.hpp"

#include <algorithm>
#include <array>

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

bool is_url(std::string_view location) noexcept {
  return location.starts_with("http://") || location.starts_with("https://");
}

std::span<const std::string_view> known_images() noexcept { return words; }

std::string text(const Base& base) {
  if (auto* suite = std::get_if<BaseSuite>(&base)) return suite->distribution + "/" + suite->suite;
  return "sha256:" + std::get<BaseArchive>(base).sha256.hex();
}

}  // namespace karapace::manifest
