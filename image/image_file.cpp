// SPDX-License-Identifier: Apache-2.0
#include "image/image_file.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "remote/oci/blob_source.hpp"
#include "remote/oci/layout.hpp"
#include "remote/oci/tar_archive.hpp"
#include "store/verified_content.hpp"

namespace karapace::image {

namespace {

using Kind = oci::ImageLocation::Kind;

oci::BlobSource source_of(const store::Store& store, const ImageLayer& layer) {
  if (!layer.file.empty()) return oci::BlobSource::of_file(layer.file);
  return oci::BlobSource::of_file(store.open_blob(layer.blob.blob), fmt::format("the blob {}", layer.blob.blob.hex()));
}

void write_layout(const store::Store& store, const EnvironmentImage& image, std::unique_ptr<oci::LayoutFiles> files,
                  const oci::Tag& tag) {
  oci::Layout layout(std::move(files));
  for (const auto& layer : image.layers)
    layout.add_blob({.descriptor = descriptor_of(layer), .source = source_of(store, layer)});
  layout.add_blob({.descriptor = oci::describe(oci::media_type::config, image.config),
                   .source = oci::BlobSource::of_bytes(image.config)});
  layout.add_manifest(image.manifest, tag);
  layout.finish();
}

/// As `docker save` did before it wrote layouts: both docker and podman read it.
void write_docker_archive(const store::Store& store, const EnvironmentImage& image, const std::string& path,
                          const std::string& reference) {
  oci::TarWriter tar(path);
  const auto ignore = [](std::string_view) {};
  auto names = nlohmann::json::array();
  std::set<std::string> written;
  for (const auto& layer : image.layers) {
    const auto name = fmt::format("{}.tar", layer.blob.diff_id.value().hex());
    names.push_back(name);
    if (!written.insert(name).second) continue;
    oci::ContentHasher hasher;
    tar.add(name, source_of(store, layer), [&](std::string_view bytes) { hasher.update(bytes); });
    if (hasher.finish() != oci::ContentDigest(layer.blob.sha256))
      store::throw_damaged(fmt::format("the blob {}", layer.blob.blob.hex()));
  }
  const auto config = fmt::format("{}.json", oci::digest_of(image.config).hex());
  tar.add(config, oci::BlobSource::of_bytes(image.config), ignore);
  using Json = nlohmann::json;
  const auto manifest =
      Json::array({{{"Config", config}, {"RepoTags", Json::array({reference})}, {"Layers", std::move(names)}}});
  tar.add("manifest.json", oci::BlobSource::of_bytes(manifest.dump()), ignore);
  tar.finish();
}

oci::Tag tag_in(const oci::ImageLocation& location, const std::string& usual) {
  if (!location.name) return oci::Tag::parse(usual).value();
  if (const auto* tag = std::get_if<oci::Tag>(&*location.name)) return *tag;
  throw UsageError("an image that is written gets a tag, and its digest says what it is: write FILE:TAG");
}

}  // namespace

void write_image(const store::Store& store, const EnvironmentImage& image, const oci::ImageLocation& location,
                 const std::string& name) {
  // What podman calls an image of an OCI archive is its tag: "localhost/NAME:latest".
  const auto tag = tag_in(location, location.kind == Kind::docker_archive ? "latest" : name);
  switch (location.kind) {
    case Kind::layout:
      return write_layout(store, image, oci::layout_directory(location.place, oci::Access::write), tag);
    case Kind::archive: return write_layout(store, image, oci::new_layout_archive(location.place), tag);
    case Kind::docker_archive:
      return write_docker_archive(store, image, location.place, fmt::format("{}:{}", name, tag.text()));
    default: throw UsageError("an image is written to a file: oci-archive:, oci-layout: or docker-archive:");
  }
}

}  // namespace karapace::image
