// SPDX-License-Identifier: Apache-2.0
// karapace-resolve-image: which bytes an image consists of, a program of its own because it loads libcurl. It answers
// generator/resolve; people have no use for it.
//
//   karapace-resolve-image   an ImageRequest on standard input, an ImageResolution on standard output
#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/file.hpp"
#include "base/inherited_state.hpp"
#include "base/json/error_answer.hpp"
#include "base/path_error.hpp"
#include "generator/manifest/rules.hpp"
#include "generator/resolve/image_resolution.hpp"
#include "generator/resolve/protocol.hpp"
#include "remote/oci/image_config.hpp"
#include "remote/oci/image_location.hpp"
#include "remote/oci/image_repository.hpp"
#include "remote/sources.hpp"

namespace karapace::resolve::image {

namespace {

oci::Platform platform_from(std::string_view text) {
  oci::Platform platform;
  const auto first = text.find('/');
  const auto second = std::min(text.find('/', first + 1), text.size());
  platform.os = text.substr(0, first);
  platform.architecture = text.substr(first + 1, second - first - 1);
  platform.variant = text.substr(std::min(second + 1, text.size()));
  return platform;
}

oci::RegistryOptions options_for(const oci::ImageLocation& location, const remote::TransferOptions& transfer) {
  auto options = oci::registry_options(location.place.substr(0, location.place.find('/')), transfer);
  options.warn = [](std::string_view text) { fmt::print(stderr, "warning: {}\n", printable(text)); };
  return options;
}

Sha256 sha256_of(const oci::ContentDigest& digest, std::string_view what) {
  const auto sha256 = digest.algorithm() == oci::Algorithm::sha256 ? Sha256::from_hex(digest.hex()) : std::nullopt;
  if (sha256) return *sha256;
  throw LockError(fmt::format(
      "lock: {} is named by {}, and bases are locked by SHA-256 only: take an image that has it", what, digest.text()));
}

/// What a layer may be compressed with is told by its bytes; but it must be a tar archive.
void require_layer(const oci::Descriptor& layer, std::string_view where) {
  const std::string_view type = layer.media_type;
  const bool is_tar = type.find(".tar") != type.npos && type.find("encrypted") == type.npos;
  if (is_tar) return;
  throw LockError(fmt::format("lock: {}: the layer {} is of the type {}, which can not be unpacked", where,
                              layer.digest.text(), printable(type)));
}

class Resolution {
 public:
  Resolution(oci::ImageRepository& repository, const oci::Platform& platform)
      : repository_(repository), platform_(platform) {}

  ImageResolution run(const oci::ManifestName& name) {
    const auto found = oci::find_image(repository_, name, platform_);
    const auto config = oci::parse_config(oci::read_small_blob(repository_, found.image.config, oci::longest_config),
                                          repository_.name());
    require_platform(config.platform);
    auto& image = resolution_.image;
    image.manifest = sha256_of(found.manifest.digest, repository_.name());
    image.platform = oci::text(platform_);
    take_layers(found.image.layers, config.diff_ids);
    for (const auto& variable : config.variables) take_variable(variable);
    return std::move(resolution_);
  }

 private:
  void require_platform(const oci::Platform& platform) const {
    const bool fits = (platform.os.empty() || platform.os == platform_.os) &&
                      (platform.architecture.empty() || platform.architecture == platform_.architecture);
    if (fits) return;
    throw LockError(fmt::format("lock: {}: the image is for {}, and this machine is {}; take one that is made for it",
                                repository_.name(), oci::text(platform), oci::text(platform_)));
  }

  void take_layers(const std::vector<oci::Descriptor>& layers, const std::vector<oci::ContentDigest>& diff_ids) {
    const auto where = repository_.name();
    if (layers.empty()) throw LockError(fmt::format("lock: {}: the image has no layers, so it is no base", where));
    if (layers.size() != diff_ids.size())
      throw LockError(fmt::format("lock: {}: the image has {} layers, and its configuration names {}", where,
                                  layers.size(), diff_ids.size()));
    for (std::size_t i = 0; i < layers.size(); ++i) {
      require_layer(layers[i], where);
      resolution_.image.layers.push_back({sha256_of(layers[i].digest, "a layer of " + where), layers[i].size,
                                          layers[i].media_type, sha256_of(diff_ids[i], "a diff id of " + where)});
    }
  }

  void take_variable(const std::string& variable) {
    const auto equals = std::min(variable.find('='), variable.size());
    const auto name = variable.substr(0, equals);
    const auto value = variable.substr(std::min(equals + 1, variable.size()));
    if (manifest::judge_variable_name(name) || manifest::judge_text(value)) {
      resolution_.notes.push_back(
          fmt::format("the image's variable \"{}\" is left out: sessions can not have it", printable(name)));
      return;
    }
    resolution_.image.variables.insert_or_assign(name, value);
  }

  oci::ImageRepository& repository_;
  const oci::Platform& platform_;
  ImageResolution resolution_;
};

ImageResolution resolve_at(const std::string& text, const ImageRequest& request,
                           const remote::TransferOptions& transfer) {
  const auto location = oci::ImageLocation::parse(text);
  const auto repository = oci::open_repository(location, oci::Access::read, options_for(location, transfer));
  return Resolution(*repository, platform_from(request.platform)).run(oci::name_in(*repository, location));
}

/// A mirror that does not have it, or does not answer, stops nobody.
ImageResolution resolve_first(const ImageRequest& request) {
  const auto transfer = remote::parse_sources(request.sources, "the request").options;
  for (std::size_t i = 0; i + 1 < request.locations.size(); ++i) {
    try {
      return resolve_at(request.locations[i], request, transfer);
    } catch (const RemoteError& error) {
      fmt::print(stderr, "warning: {}; asking the next one\n", printable(error.what()));
    }
  }
  try {
    return resolve_at(request.locations.back(), request, transfer);
  } catch (const RemoteError& error) {
    throw RemoteError(fmt::format("lock: {}", error.what()));
  }
}

std::string answer() {
  return image_resolution_text(resolve_first(parse_image_request(read_all(STDIN_FILENO, "the request"))));
}

}  // namespace

}  // namespace karapace::resolve::image

int main() {
  karapace::mend_inherited_state();
  return karapace::print_answer("lock", karapace::resolve::image::answer);
}
