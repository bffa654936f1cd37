// SPDX-License-Identifier: Apache-2.0
// What `docker save` and `podman save` write ("docker-archive"): a tar archive whose manifest.json names, for each
// image, its configuration, its layers' files and its tags. It is shown as a layout; its layers are as they lie, mostly
// plain.
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/words.hpp"
#include "remote/oci/image_config.hpp"
#include "remote/oci/image_manifest.hpp"
#include "remote/oci/image_reference.hpp"
#include "remote/oci/json_document.hpp"
#include "remote/oci/layout_files.hpp"
#include "remote/oci/tar_archive.hpp"

namespace karapace::oci {

namespace {

constexpr const char* list_name = "manifest.json";
constexpr std::string_view gzip_magic = "\x1f\x8b";
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";

class DockerArchive final : public LayoutFiles {
 public:
  explicit DockerArchive(const std::filesystem::path& path) : tar_(path) {
    if (!tar_.size(list_name)) {
      throw RemoteError(fmt::format("{} has no \"{}\": it is nothing that docker save writes", name(), list_name));
    }
    const JsonDocument document(small_file(list_name, longest_manifest),
                                fmt::format("\"{}\" of {}", list_name, name()));
    ImageIndex index;
    for (const auto& entry : document.elements()) add_image(entry, index);
    index_ = write(index).bytes;
  }

  std::string name() const override { return "docker-archive:" + tar_.path().string(); }
  std::optional<std::string> index() override { return index_; }

  std::optional<std::uint64_t> blob_size(const ContentDigest& digest) override {
    if (auto manifest = manifests_.find(digest); manifest != manifests_.end()) return manifest->second.size();
    auto file = files_.find(digest);
    return file == files_.end() ? std::nullopt : tar_.size(file->second);
  }

  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from) override {
    read_verified(blob, from, take, name(), [&](const TakeBytes& pass) {
      auto manifest = manifests_.find(blob.digest);
      if (manifest != manifests_.end()) return pass(std::string_view(manifest->second).substr(from));
      auto file = files_.find(blob.digest);
      if (file == files_.end()) throw RemoteError(fmt::format("{} has no blob {}", name(), blob.digest.text()));
      tar_.read(file->second, from, pass);
    });
  }

 private:
  void add_image(const JsonObject& entry, ImageIndex& index) {
    auto config_file = entry.required_text("Config");
    auto config_bytes = small_file(config_file, longest_config);
    auto config = parse_config(config_bytes, fmt::format("\"{}\" of {}", config_file, name()));
    ImageManifest image{.config = describe(media_type::config, config_bytes)};
    files_.emplace(image.config.digest, config_file);
    auto layers = entry.texts("Layers");
    if (layers.size() != config.diff_ids.size()) {
      entry.refuse(
          fmt::format("has {}, and its configuration {}", counted(layers.size(), "layer"), config.diff_ids.size()));
    }
    for (std::size_t i = 0; i < layers.size(); ++i) image.layers.push_back(add_layer(layers[i], config.diff_ids[i]));
    auto manifest = write(image);
    manifests_.emplace(manifest.digest, manifest.bytes);
    add_to(index, manifest.descriptor(), config.platform, entry.texts("RepoTags"));
  }

  static void add_to(ImageIndex& index, Descriptor descriptor, const Platform& platform,
                     std::vector<std::string> names) {
    descriptor.platform = platform;
    if (names.empty()) names.emplace_back();
    for (const auto& reference : names) {
      descriptor.annotations.clear();
      if (!reference.empty()) descriptor.annotations.emplace(reference_annotation, reference);
      index.manifests.push_back(descriptor);
    }
  }

  /// A plain one has its diff_id for digest, which is verified when it is read; of a compressed one the digest is
  /// nowhere.
  Descriptor add_layer(const std::string& file, const ContentDigest& diff_id) {
    auto size = tar_.size(file);
    if (!size) throw RemoteError(fmt::format("{} has no layer \"{}\"", name(), file));
    auto type = layer_type(file);
    Descriptor layer{.media_type = std::string(type), .digest = diff_id, .size = *size};
    if (type != media_type::layer_tar) {
      ContentHasher hasher;
      tar_.read(file, 0, [&](std::string_view bytes) { hasher.update(bytes); });
      layer.digest = hasher.finish();
    }
    files_.emplace(layer.digest, file);
    return layer;
  }

  std::string_view layer_type(const std::string& file) const {
    struct Enough {};
    std::string beginning;
    try {
      tar_.read(file, 0, [&](std::string_view bytes) {
        beginning += bytes.substr(0, zstd_magic.size());
        if (beginning.size() >= zstd_magic.size()) throw Enough{};
      });
    } catch (const Enough&) {
      // Its type is known.
    }
    if (beginning.starts_with(gzip_magic)) return media_type::layer_gzip;
    return beginning.starts_with(zstd_magic) ? media_type::layer_zstd : media_type::layer_tar;
  }

  std::string small_file(const std::string& file, std::size_t limit) const {
    if (tar_.size(file).value_or(0) > limit) throw RemoteError(fmt::format("\"{}\" of {} is too long", file, name()));
    std::string bytes;
    tar_.read(file, 0, [&](std::string_view more) { bytes += more; });
    return bytes;
  }

  TarReader tar_;
  std::string index_;
  std::map<ContentDigest, std::string> manifests_;
  std::map<ContentDigest, std::string> files_;
};

}  // namespace

std::unique_ptr<LayoutFiles> docker_archive(const std::filesystem::path& path) {
  return std::make_unique<DockerArchive>(path);
}

}  // namespace karapace::oci
