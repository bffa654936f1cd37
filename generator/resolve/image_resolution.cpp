// SPDX-License-Identifier: Apache-2.0
#include "generator/resolve/image_resolution.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json/message.hpp"
#include "base/json/record.hpp"
#include "generator/manifest/base_image.hpp"
#include "generator/resolve/helper.hpp"

namespace karapace::resolve {

namespace {

constexpr std::string_view registry_prefix = "oci:";

constexpr auto request_fields =
    fields_of<ImageRequest>(member("locations", &ImageRequest::locations, list_of(escaped_bytes)),
                            member("platform", &ImageRequest::platform), member("sources", &ImageRequest::sources));

constexpr auto layer_fields = fields_of<lock::LockedImageLayer>(
    member("size", &lock::LockedImageLayer::size), member("sha256", &lock::LockedImageLayer::sha256),
    member("media_type", &lock::LockedImageLayer::media_type), member("diff_id", &lock::LockedImageLayer::diff_id));
constexpr auto image_fields = fields_of<lock::LockedImage>(
    member("manifest", &lock::LockedImage::manifest), member("platform", &lock::LockedImage::platform),
    member("variables", &lock::LockedImage::variables),
    member("layers", &lock::LockedImage::layers, list_of(layer_fields)));
constexpr auto resolution_fields =
    fields_of<ImageResolution>(member("image", &ImageResolution::image, image_fields),
                               member("notes", &ImageResolution::notes, list_of(escaped_bytes)));

template <class Fields>
auto parsed(const Fields& fields, std::string_view text) {
  return parse_message(fields, text, "karapace-resolve-image");
}

struct Reference {
  std::string_view registry;
  std::string_view repository;
  std::string_view name;  // ":TAG", "@DIGEST" or both
};

/// Of a location in full: it has a tag or a digest only behind its last part.
Reference reference_of(std::string_view location) {
  location.remove_prefix(registry_prefix.size());
  const auto slash = location.find('/');
  auto rest = location.substr(slash + 1);
  const auto end = std::min(rest.find_first_of(":@"), rest.size());
  return {location.substr(0, slash), rest.substr(0, end), rest.substr(end)};
}

std::vector<std::string> places(std::string_view location, const Mirrors& mirrors, bool with_name) {
  const auto [registry, repository, name] = reference_of(location);
  const auto shown = with_name ? name : std::string_view{};
  std::vector<std::string> all;
  if (auto known = mirrors.registries.find(registry); known != mirrors.registries.end())
    for (const auto& mirror : known->second)
      all.push_back(fmt::format("{}{}/{}{}", registry_prefix, mirror, repository, shown));
  all.push_back(fmt::format("{}{}/{}{}", registry_prefix, registry, repository, shown));
  return all;
}

}  // namespace

std::string platform_of(std::string_view architecture) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Pair, 5> words = {{{"armhf", "linux/arm/v7"},
                                          {"armel", "linux/arm/v5"},
                                          {"i386", "linux/386"},
                                          {"ppc64el", "linux/ppc64le"},
                                          {"mips64el", "linux/mips64le"}}};
  for (const auto& [word, platform] : words)
    if (word == architecture) return std::string(platform);
  return fmt::format("linux/{}", architecture);
}

std::vector<std::string> image_locations(std::string_view location, const Mirrors& mirrors) {
  if (manifest::is_local_image(location)) return {std::string(location)};
  return places(location, mirrors, true);
}

std::vector<std::string> blob_locations(std::string_view location, const Mirrors& mirrors) {
  if (!manifest::is_local_image(location)) return places(location, mirrors, false);
  return {std::string(location)};
}

std::string image_request_text(const ImageRequest& request) {
  return json_text(request_fields, request, JsonWriter::Space::none);
}
ImageRequest parse_image_request(std::string_view text) { return parsed(request_fields, text); }
std::string image_resolution_text(const ImageResolution& resolution) {
  return json_text(resolution_fields, resolution, JsonWriter::Space::none);
}

ImageResolution resolve_image(const ImageRequest& request) {
  return parsed(resolution_fields, ask_image_helper(image_request_text(request)));
}

}  // namespace karapace::resolve
