// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_location.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

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

}  // namespace

ImageLocation ImageLocation::parse(std::string_view text) {
  for (const auto& prefix : prefixes)
    if (text.starts_with(prefix.text)) return parse_path(prefix.kind, text.substr(prefix.text.size()));
  if (text.starts_with("https://") || text.starts_with("http://")) {
    return {.kind = Kind::web, .place = std::string(text), .name = {}};
  }
  return parse_registry(text);
}

bool ImageLocation::is_local() const noexcept { return kind != Kind::registry && kind != Kind::web; }

ImageLocation ImageLocation::absolute(const std::filesystem::path& directory) const {
  auto made = *this;
  if (is_local()) made.place = (directory / place).lexically_normal().native();
  return made;
}

std::string ImageLocation::text() const {
  std::string text(kind == Kind::registry ? "oci:" : "");
  for (const auto& prefix : prefixes)
    if (prefix.kind == kind) text = prefix.text;
  text += place;
  if (name) text += fmt::format("{}{}", std::holds_alternative<Tag>(*name) ? ':' : '@', oci::text(*name));
  return text;
}

}  // namespace karapace::oci
