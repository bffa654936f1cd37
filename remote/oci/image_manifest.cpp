// SPDX-License-Identifier: Apache-2.0
#include "remote/oci/image_manifest.hpp"

#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "remote/oci/json_document.hpp"

namespace karapace::oci {

namespace {

constexpr std::uint64_t schema_version = 2;

// Reading.

std::optional<Platform> parse_platform(const JsonObject& json) {
  auto platform = json.object("platform");
  if (!platform) return std::nullopt;
  return Platform{.os = platform->required_text("os"),
                  .architecture = platform->required_text("architecture"),
                  .variant = platform->text("variant").value_or(""),
                  .os_version = platform->text("os.version").value_or(""),
                  .os_features = platform->texts("os.features")};
}

/// "data" is an embedded representation of the content: readers verify it (descriptor.md, "Properties").
std::optional<std::string> parse_data(const JsonObject& json, const ContentDigest& digest, std::uint64_t size) {
  auto text = json.text("data");
  if (!text) return std::nullopt;
  auto data = from_base64(*text);
  if (!data) json.refuse("has \"data\" that is no Base64");
  if (data->size() != size || digest_of(*data, digest.algorithm()) != digest) {
    json.refuse(fmt::format("has \"data\" that is not the bytes of {}", digest.text()));
  }
  return data;
}

Descriptor parse_descriptor(const JsonObject& json) {
  auto digest = json.required_digest("digest");
  auto size = json.required_number("size");
  if (size > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) json.refuse("has a size that no file can have");
  return {.media_type = json.required_text("mediaType"),
          .digest = digest,
          .size = size,
          .artifact_type = json.text("artifactType").value_or(""),
          .annotations = json.dictionary("annotations"),
          .platform = parse_platform(json),
          .data = parse_data(json, digest, size)};
}

std::vector<Descriptor> parse_descriptors(const JsonObject& json, std::string_view name) {
  std::vector<Descriptor> descriptors;
  for (const auto& element : json.objects(name)) descriptors.push_back(parse_descriptor(element));
  return descriptors;
}

std::optional<Descriptor> parse_subject(const JsonObject& json) {
  auto subject = json.object("subject");
  if (!subject) return std::nullopt;
  return parse_descriptor(*subject);
}

void require_fields(const JsonObject& json, std::string_view wanted, std::string_view foreign) {
  if (json.required_number("schemaVersion") != schema_version) json.refuse("is not of schema version 2");
  if (!json.has(wanted)) json.refuse(fmt::format("has no \"{}\"", wanted));
  if (json.has(foreign)) json.refuse(fmt::format("has both \"{}\" and \"{}\"", wanted, foreign));
}

ImageManifest parse_image(const JsonObject& json, const std::string& type) {
  require_fields(json, "layers", "manifests");
  return {.media_type = type,
          .artifact_type = json.text("artifactType").value_or(""),
          .config = parse_descriptor(json.required_object("config")),
          .layers = parse_descriptors(json, "layers"),
          .subject = parse_subject(json),
          .annotations = json.dictionary("annotations")};
}

ImageIndex parse_index(const JsonObject& json, const std::string& type) {
  require_fields(json, "manifests", "layers");
  return {.media_type = type,
          .artifact_type = json.text("artifactType").value_or(""),
          .manifests = parse_descriptors(json, "manifests"),
          .subject = parse_subject(json),
          .annotations = json.dictionary("annotations")};
}

/// A media type without its parameters; "" when it says nothing of the content.
std::string_view essence(std::string_view declared) {
  auto type = trimmed(declared.substr(0, declared.find(';')));
  constexpr std::array of_anything{"application/octet-stream", "binary/octet-stream", "application/json", "text/plain"};
  for (std::string_view vague : of_anything)
    if (type == vague) return {};
  return type;
}

// Writing.

JsonOutput output(const Annotations& annotations) {
  auto object = JsonOutput::object();
  for (const auto& [name, value] : annotations) object[name] = value;
  return object;
}

JsonOutput output(const Platform& platform) {
  JsonOutput json{{"architecture", platform.architecture}, {"os", platform.os}};
  if (!platform.os_version.empty()) json["os.version"] = platform.os_version;
  if (!platform.os_features.empty()) json["os.features"] = platform.os_features;
  if (!platform.variant.empty()) json["variant"] = platform.variant;
  return json;
}

JsonOutput output(const Descriptor& descriptor) {
  JsonOutput json{
      {"mediaType", descriptor.media_type}, {"digest", descriptor.digest.text()}, {"size", descriptor.size}};
  if (descriptor.data) json["data"] = base64(*descriptor.data);
  if (!descriptor.annotations.empty()) json["annotations"] = output(descriptor.annotations);
  if (!descriptor.artifact_type.empty()) json["artifactType"] = descriptor.artifact_type;
  if (descriptor.platform) json["platform"] = output(*descriptor.platform);
  return json;
}

JsonOutput output(const std::vector<Descriptor>& descriptors) {
  auto array = JsonOutput::array();
  for (const auto& descriptor : descriptors) array.push_back(output(descriptor));
  return array;
}

template <class Content>
JsonOutput begin(const Content& content) {
  JsonOutput json{{"schemaVersion", schema_version}, {"mediaType", content.media_type}};
  if (!content.artifact_type.empty()) json["artifactType"] = content.artifact_type;
  return json;
}

template <class Content>
Manifest end(const Content& content, JsonOutput json) {
  if (content.subject) json["subject"] = output(*content.subject);
  if (!content.annotations.empty()) json["annotations"] = output(content.annotations);
  return {.media_type = content.media_type, .bytes = compact(json)};
}

// Choosing.

/// The variants of ARM that run what is made for `platform`'s, best first. "arm64" without one is v8, "arm" v7.
std::vector<std::string> fitting_variants(const Platform& platform) {
  if (platform.architecture == "arm64" && (platform.variant.empty() || platform.variant == "v8")) return {"v8", ""};
  if (platform.architecture != "arm") return {platform.variant, ""};
  const std::vector<std::string> arm{"v8", "v7", "v6", "v5"};
  std::vector<std::string> fitting;
  for (const auto& variant : arm)
    if (!fitting.empty() || variant == (platform.variant.empty() ? "v7" : platform.variant)) fitting.push_back(variant);
  fitting.emplace_back();
  return fitting;
}

bool is_for(const Platform& offered, const Platform& wanted, const std::string& variant) {
  return offered.os == wanted.os && offered.architecture == wanted.architecture && offered.variant == variant &&
         (wanted.os_version.empty() || wanted.os_version == offered.os_version);
}

}  // namespace

Manifest manifest_of(std::string bytes, std::string_view declared, std::string_view what) {
  if (bytes.size() > longest_manifest) {
    throw RemoteError(fmt::format("{} has {}, and no manifest more than {}", what, size_text(bytes.size()),
                                  size_text(longest_manifest)));
  }
  auto told = std::string(essence(declared));
  auto said = JsonDocument(bytes, std::string(what)).root().text("mediaType").value_or("");
  if (!told.empty() && !said.empty() && told != said) {
    throw RemoteError(fmt::format("{} is called \"{}\" by who sent it and \"{}\" by itself: it is not trusted", what,
                                  printable_word(told), printable_word(said)));
  }
  auto type = said.empty() ? told : said;
  if (type.empty()) throw RemoteError(fmt::format("{} does not say of which type it is", what));
  if (!is_manifest_type(type) && !is_index_type(type)) {
    throw RemoteError(
        fmt::format("{} is of type \"{}\", which is not understood; push it again in OCI's or docker's "
                    "format of version 2, schema 2",
                    what, printable_word(type)));
  }
  return {.media_type = type, .bytes = std::move(bytes)};
}

ManifestContent parse(const Manifest& manifest, std::string_view what) {
  JsonDocument document(manifest.bytes, std::string(what));
  if (is_index_type(manifest.media_type)) return parse_index(document.root(), manifest.media_type);
  return parse_image(document.root(), manifest.media_type);
}

ImageManifest parse_image(const Manifest& manifest, std::string_view what) {
  auto content = parse(manifest, what);
  if (auto* image = std::get_if<ImageManifest>(&content)) return std::move(*image);
  throw RemoteError(fmt::format("{} is an index of images, not an image", what));
}

ImageIndex parse_index(const Manifest& manifest, std::string_view what) {
  auto content = parse(manifest, what);
  if (auto* index = std::get_if<ImageIndex>(&content)) return std::move(*index);
  throw RemoteError(fmt::format("{} is an image, not an index of images", what));
}

Manifest write(const ImageManifest& manifest) {
  auto json = begin(manifest);
  json["config"] = output(manifest.config);
  json["layers"] = output(manifest.layers);
  return end(manifest, std::move(json));
}

Manifest write(const ImageIndex& index) {
  auto json = begin(index);
  json["manifests"] = output(index.manifests);
  return end(index, std::move(json));
}

Referral referral(const Manifest& manifest, std::string_view what) {
  Referral referral{manifest.descriptor(), {}};
  std::visit(
      [&](const auto& content) {
        referral.referrer.artifact_type = content.artifact_type;
        referral.referrer.annotations = content.annotations;
        referral.subject = content.subject;
        if constexpr (requires { content.config; })
          if (content.artifact_type.empty()) referral.referrer.artifact_type = content.config.media_type;
      },
      parse(manifest, what));
  return referral;
}

std::optional<Descriptor> choose(const ImageIndex& index, const Platform& wanted) {
  for (const auto& variant : fitting_variants(wanted)) {
    for (const auto& manifest : index.manifests) {
      if (manifest.platform && is_for(*manifest.platform, wanted, variant)) return manifest;
    }
  }
  return std::nullopt;
}

}  // namespace karapace::oci
