// SPDX-License-Identifier: Apache-2.0
// Layout: images in files, as the OCI image layout has them (image spec 1.1, image-layout.md), with the operations of a
// registry. Tags are the annotation org.opencontainers.image.ref.name in index.json, as skopeo, umoci and buildah have
// it; referrers are in the fallback tag, which regclient reads there, too.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/image_manifest.hpp"
#include "remote/oci/image_reference.hpp"
#include "remote/oci/image_repository.hpp"
#include "remote/oci/layout_files.hpp"

namespace karapace::oci {

class Layout final : public ImageRepository {
 public:
  explicit Layout(std::unique_ptr<LayoutFiles> files) : files_(std::move(files)) {}

  std::string name() const override { return files_->name(); }
  bool is_unattended() const override { return true; }
  std::optional<Manifest> manifest(const ManifestName& name) override;
  std::optional<Descriptor> find_manifest(const ManifestName& name) override;
  bool has_blob(const Descriptor& blob) override;
  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from = 0) override;
  std::optional<BlobSource> local_blob(const Descriptor& blob) override { return files_->local_blob(blob.digest); }
  Added add_blob(const NewBlob& blob) override;
  void add_manifest(const Manifest& manifest, const std::optional<Tag>& tag = std::nullopt) override;
  ManifestName usual_name() override;
  std::vector<Tag> tags() override;
  std::vector<Descriptor> referrers(const ContentDigest& subject, std::string_view artifact_type = {}) override;
  bool remove_manifest(const ManifestName& name) override;
  bool remove_blob(const ContentDigest& digest) override;
  std::uint64_t sweep(std::chrono::seconds idle) override;
  void finish() override { files_->finish(); }

 private:
  ImageIndex index();
  bool is_whole(const Descriptor& blob);
  std::optional<Descriptor> find_listed(const ManifestName& name);
  std::vector<ContentDigest> led_to_by(const ContentDigest& digest);
  ImageIndex parse(const std::optional<std::string>& text) const;

  std::unique_ptr<LayoutFiles> files_;
  /// index.json as it was when it was looked at last: it is parsed once, not for each name.
  struct Listed {
    std::optional<Tag> tag;
    Descriptor descriptor;
  };
  struct Known {
    std::optional<std::string> text;
    std::vector<Listed> listed;
  };
  std::mutex known_mutex_;
  std::optional<Known> known_;
};

}  // namespace karapace::oci
