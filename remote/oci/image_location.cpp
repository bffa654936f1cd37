// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_location.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "remote/oci/layout.hpp"
#include "remote/oci/registry.hpp"

namespace karapace::oci {

namespace {

using Kind = ImageLocation::Kind;

struct Prefix {
  std::string_view text;
  Kind kind;
};
constexpr Prefix prefixes[] = {
    {"oci-layout:", Kind::layout}, {"oci-archive:", Kind::archive}, {"docker-archive:", Kind::docker_archive}};

/// A path may have colons and "@" itself: only what is a digest or a tag after the last of them is taken for one.
ImageLocation parse_path(Kind kind, std::string_view text) {
  ImageLocation location{.kind = kind, .place = std::string(text), .name = {}};
  auto at = text.rfind('@');
  auto digest = at == text.npos ? std::nullopt : ContentDigest::parse(text.substr(at + 1));
  auto colon = text.rfind(':');
  auto tag = colon == text.npos ? std::nullopt : Tag::parse(text.substr(colon + 1));
  if (digest) {
    location.place.resize(at);
    location.name = *digest;
  } else if (tag) {
    location.place.resize(colon);
    location.name = *tag;
  }
  if (location.place.empty()) throw RemoteError(fmt::format("\"{}\" names no file", printable_word(text)));
  return location;
}

ImageLocation parse_registry(std::string_view text) {
  auto reference = ImageReference::parse(text);
  ImageLocation location{.place = fmt::format("{}/{}", reference.registry, reference.repository), .name = {}};
  if (reference.tag || reference.digest) location.name = reference.name();
  return location;
}

std::unique_ptr<LayoutFiles> open_files(const ImageLocation& location, Access access, RegistryOptions options) {
  switch (location.kind) {
    case Kind::layout: return layout_directory(location.place, access);
    case Kind::archive:
      return access == Access::write ? new_layout_archive(location.place) : layout_archive(location.place);
    case Kind::docker_archive: return docker_archive(location.place);
    default: return layout_on_web(location.place, std::move(options));
  }
}

}  // namespace

ImageLocation ImageLocation::parse(std::string_view text) {
  for (const auto& prefix : prefixes)
    if (text.starts_with(prefix.text)) return parse_path(prefix.kind, text.substr(prefix.text.size()));
  if (text.starts_with("https://") || text.starts_with("http://")) {
    return {.kind = Kind::web, .place = std::string(text), .name = {}};
  }
  return parse_registry(text);
}

std::unique_ptr<ImageRepository> open_repository(const ImageLocation& location, Access access,
                                                 RegistryOptions options) {
  if (location.kind == Kind::registry) {
    auto slash = location.place.find('/');
    return std::make_unique<Registry>(location.place.substr(0, slash), location.place.substr(slash + 1),
                                      std::move(options));
  }
  const bool is_writable = location.kind == Kind::layout || location.kind == Kind::archive;
  if (access == Access::write && !is_writable) {
    throw RemoteError(
        fmt::format("{} can not be written; write to a registry, a directory (oci-layout:) or an archive "
                    "(oci-archive:)",
                    shown_address(location.place)));
  }
  return std::make_unique<Layout>(open_files(location, access, std::move(options)));
}

ManifestName name_in(ImageRepository& repository, const ImageLocation& location) {
  return location.name ? *location.name : repository.usual_name();
}

}  // namespace karapace::oci
