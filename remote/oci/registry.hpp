// SPDX-License-Identifier: Apache-2.0
// Registry: a repository of a registry, by the distribution spec 1.1 (docs/registries.md says what of it is used when).
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "remote/oci/image_repository.hpp"
#include "remote/oci/registry_connection.hpp"

namespace karapace::oci {

class Registry final : public ImageRepository {
 public:
  /// Asks nothing yet.
  Registry(std::string registry, std::string repository, RegistryOptions options);

  std::string name() const override { return connection_.name(); }
  std::optional<Manifest> manifest(const ManifestName& name) override;
  std::optional<Descriptor> find_manifest(const ManifestName& name) override;
  bool has_blob(const Descriptor& blob) override;
  void read_blob(const Descriptor& blob, const TakeBytes& take, std::uint64_t from = 0) override;
  Added add_blob(const NewBlob& blob) override;
  void add_manifest(const Manifest& manifest, const std::optional<Tag>& tag = std::nullopt) override;
  ManifestName usual_name() override { return *Tag::parse("latest"); }
  std::vector<Tag> tags() override;
  std::vector<Descriptor> referrers(const ContentDigest& subject, std::string_view artifact_type = {}) override;
  bool remove_manifest(const ManifestName& name) override;
  bool remove_blob(const ContentDigest& digest) override;

 private:
  Manifest read_manifest(const ManifestName& name, Answer answer);
  /// Nothing when the registry does not know the question.
  std::optional<std::vector<Descriptor>> ask_referrers(const ContentDigest& subject, std::string_view artifact_type);
  bool knows_referrers(const ContentDigest& subject);

  RegistryConnection connection_;
  std::mutex mutex_;
  std::set<ContentDigest> present_;  // blobs that are known to be there
  std::mutex fallback_mutex_;
};

}  // namespace karapace::oci
