// SPDX-License-Identifier: Apache-2.0
#include "exchange/environment_artifact.hpp"

#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::exchange {

namespace {

constexpr std::string_view empty_document = "{}";
constexpr std::size_t key_id_digits = 16;
constexpr std::string_view sources_word = "sources";

[[noreturn]] void refuse(std::string_view what, std::string_view reason) {
  throw RemoteError(fmt::format("{}: this is no environment of Karapace: {}", what, reason));
}

std::optional<std::string> annotation(const oci::Annotations& all, std::string_view name) {
  const auto found = all.find(std::string(name));
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

oci::Descriptor annotated(const PackedLayer& layer) {
  auto blob = layer.blob;
  blob.annotations[std::string(layer_annotation)] = layer.layer.hex();
  return blob;
}

PackedLayer packed_layer(oci::Descriptor blob, std::string_view what) {
  const auto name = annotation(blob.annotations, layer_annotation);
  const auto layer = name ? LayerId::from_hex(*name) : std::nullopt;
  if (!layer) refuse(what, fmt::format("the blob {} is not said to be of a layer", blob.digest.text()));
  blob.annotations.erase(std::string(layer_annotation));
  return {*layer, std::move(blob)};
}

bool is_layer_type(std::string_view type) {
  using namespace oci::media_type;
  return type == layer_tar || type == layer_gzip || type == layer_zstd;
}

void require_size(const oci::Descriptor& blob, std::size_t most, std::string_view what) {
  if (blob.size > most) refuse(what, fmt::format("the blob {} has {} bytes", blob.digest.text(), blob.size));
}

}  // namespace

std::optional<EnvironmentId> environment_in(const oci::Annotations& annotations) {
  const auto name = annotation(annotations, environment_annotation);
  return name ? EnvironmentId::from_hex(*name) : std::nullopt;
}

oci::ImageManifest manifest_of(const EnvironmentArtifact& artifact) {
  oci::ImageManifest manifest{.artifact_type = std::string(environment_artifact_type),
                              .config = oci::describe(oci::media_type::empty, empty_document),
                              .layers = {artifact.records, artifact.lock},
                              .subject = artifact.subject,
                              .annotations = artifact.annotations};
  manifest.layers.insert(manifest.layers.end(), artifact.envelopes.begin(), artifact.envelopes.end());
  for (const auto& layer : artifact.layers) manifest.layers.push_back(annotated(layer));
  manifest.annotations[std::string(environment_annotation)] = artifact.environment.hex();
  return manifest;
}

EnvironmentArtifact artifact_of(const oci::ImageManifest& manifest, std::string_view what) {
  if (manifest.artifact_type != environment_artifact_type) refuse(what, "it is of another type");
  const auto environment = environment_in(manifest.annotations);
  if (!environment) refuse(what, "it does not name its environment");
  const bool has_both = manifest.layers.size() >= 2 && manifest.layers[0].media_type == records_media_type &&
                        manifest.layers[1].media_type == lock_media_type;
  if (!has_both) refuse(what, "it does not begin with records and a lock");
  EnvironmentArtifact artifact{.environment = *environment,
                               .records = manifest.layers[0],
                               .lock = manifest.layers[1],
                               .envelopes = {},
                               .layers = {},
                               .subject = manifest.subject,
                               .annotations = manifest.annotations};
  artifact.annotations.erase(std::string(environment_annotation));
  require_size(artifact.lock, longest_lock, what);
  std::set<LayerId> seen;
  for (std::size_t i = 2; i < manifest.layers.size(); ++i) {
    const auto& blob = manifest.layers[i];
    if (blob.media_type == envelope_media_type) {
      require_size(blob, longest_envelope, what);
      if (artifact.envelopes.size() == most_envelopes)
        refuse(what, fmt::format("it has more than {} signatures", most_envelopes));
      artifact.envelopes.push_back(blob);
    } else if (is_layer_type(blob.media_type)) {
      auto layer = packed_layer(blob, what);
      if (!seen.insert(layer.layer).second) refuse(what, "a layer stands twice");
      artifact.layers.push_back(std::move(layer));
    } else {
      refuse(what, fmt::format("it has a blob of the type \"{}\"", printable_word(blob.media_type)));
    }
  }
  return artifact;
}

oci::ImageManifest manifest_of_sources(const EnvironmentId& environment, std::vector<oci::Descriptor> packages) {
  return {.artifact_type = std::string(sources_artifact_type),
          .config = oci::describe(oci::media_type::empty, empty_document),
          .layers = std::move(packages),
          .annotations = {{std::string(environment_annotation), environment.hex()}}};
}

oci::Tag sources_tag(const EnvironmentId& environment) {
  return oci::Tag::parse(fmt::format("{}-{}", environment.hex(), sources_word)).value();
}

oci::Tag cache_tag(const EnvironmentId& environment, std::string_view key_id) {
  return oci::Tag::parse(fmt::format("{}-{}", environment.hex(), key_id)).value();
}

std::optional<CacheTag> parse_cache_tag(const oci::Tag& tag) {
  constexpr auto digits = 2 * Digest::size;
  const std::string_view text = tag.text();
  const auto environment = EnvironmentId::from_hex(text.substr(0, digits));
  if (environment && text.size() > digits && text.substr(digits) == fmt::format("-{}", sources_word))
    return CacheTag{*environment, std::string(sources_word)};
  const bool is_one = environment && text.size() == digits + 1 + key_id_digits && text[digits] == '-' &&
                      text.find_first_not_of("0123456789abcdef", digits + 1) == text.npos;
  if (!is_one) return std::nullopt;
  return CacheTag{*environment, std::string(text.substr(digits + 1))};
}

}  // namespace karapace::exchange
